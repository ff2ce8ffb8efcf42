export { userLine } from "./auth/users.ts";
export type { Peer, PeerDirectory, PeerIdentity } from "./peers/peer-directory.ts";
export { createPeerSources, type PeerLimits, type PeerSources, type PeerSourcesOptions } from "./peers/peer-sources.ts";
export { type PeerServer, type PeerServerOptions, servePeers } from "./peers/serve-peers.ts";
export { type Registry, type RegistryOptions, startRegistry } from "./registry.ts";
