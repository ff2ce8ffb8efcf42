export type { Credential } from "./credential.ts";
export type { CredentialStore } from "./credential-store.ts";
export { createCredentialStore } from "./credential-store.ts";
