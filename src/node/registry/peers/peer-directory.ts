/** A node that gives blobs: its name, as in its certificate, and where it listens. */
export interface Peer {
  nodeId: string;
  /** IP:PORT. */
  address: string;
  /** As the control plane knows it: 0 this node's rack, 1 its switch, 2 anywhere else. */
  distance?: number;
}

/** What the control plane knows of a blob, and what it is told. The agent wires it to its control plane. */
export interface PeerDirectory {
  /** `exhausted`: the holders could not give it. */
  claim(digest: string, exhausted: boolean, signal: AbortSignal): Promise<{ origin: boolean; holders: Peer[]; fetcher: Peer | null }>;
  tell(held: readonly string[], dropped: readonly string[], signal: AbortSignal): Promise<void>;
}

/** PEM texts: what a node shows its peers, and by which CA it knows them. */
export interface PeerIdentity {
  certificate: string;
  key: string;
  ca: string;
}
