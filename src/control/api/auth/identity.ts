/** Who a request comes from. */
export type Identity =
  | { kind: "anonymous" }
  /** The local socket (its file permission is the authority) or the admin token. */
  | { kind: "operator"; user: string }
  | { kind: "api"; user: string }
  | { kind: "node"; nodeId: string };

/** The name that goes into a job's row. */
export function userOf(identity: Identity): string {
  return identity.kind === "operator" || identity.kind === "api" ? identity.user : "";
}
