/** What a registry is told about who asks. An identity token stands for a password that is kept elsewhere. */
export type Credential = { kind: "password"; username: string; password: string } | { kind: "identity-token"; token: string };
