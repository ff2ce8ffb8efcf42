export { userLine } from "./auth/users.ts";
export { createPeerFetcher, type PeerFetcher, type PeerFetchOptions } from "./peers/fetch-from-peers.ts";
export { createPeerCredential, type PeerCredential } from "./peers/peer-credential.ts";
export { type Registry, type RegistryOptions, startRegistry } from "./registry.ts";
