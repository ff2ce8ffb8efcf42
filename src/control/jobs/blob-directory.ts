/** A node that gives blobs to its peers. */
export interface BlobPeer {
  nodeId: string;
  /** IP:PORT. */
  address: string;
}

/** Where a node gets a blob. `origin`: it is the one that asks the registry, for as long as it claims again in time. */
export interface BlobClaim {
  origin: boolean;
  /** Have all of it; at most `MOST_HOLDERS`, any of them. */
  holders: BlobPeer[];
  /** Fetches it from the registry at this moment and gives what it has so far; never the asking node. */
  fetcher: BlobPeer | null;
}

/**
 * Who has which blob, as far as nodes have told lately, and which one node fetches it from the registry. What is lost or wrong here
 * costs a request to the registry, never a wrong byte: whoever receives a blob hashes it.
 */
export interface BlobDirectory {
  /** `exhausted`: the holders could not give it, so the registry may be asked although there are some. */
  claim(digest: string, peer: BlobPeer, exhausted: boolean, now: number): Promise<BlobClaim>;
  /** The node has these, and gives up fetching them. */
  hold(peer: BlobPeer, digests: readonly string[], now: number): Promise<void>;
  /** The node does not have it after all, or gives up fetching it. */
  drop(peer: BlobPeer, digest: string): Promise<void>;
}

/** From which the nearest are chosen. */
export const MOST_HOLDERS = 64;
/** Nodes claim again every third of it while they fetch. */
export const FETCH_LEASE_MS = 6_000;
/** Nodes tell what they have every third of it. */
export const HOLD_MS = 3_600_000;
