import type { NodeControls, NodeRecord } from "../../shared/domain/index.ts";
import type { JoinResponse, SyncRequest } from "../../shared/wire/index.ts";

export type TokenKind = "join" | "api";

/** Tokens are kept only as SHA-256; a token of one kind is worthless as the other. */
export interface TokenStore {
  /** @returns the token (shown once) and its end, milliseconds since the Unix epoch. */
  create(kind: TokenKind, ttlSeconds: number, now: number): Promise<{ token: string; expiresAt: number }>;
  /** True while the token of that kind has not expired. */
  verify(kind: TokenKind, token: string, now: number): Promise<boolean>;
  /**
   * Uses a join token for the node of that name. Only that name may use it again (its answer may have been lost): whoever sees a
   * token later joins nothing with it.
   */
  claimJoin(token: string, name: string, now: number): Promise<"ok" | "unknown" | "used">;
}

/** What a sync tells about the node itself. */
export type NodeReport = Pick<SyncRequest, "nodeId" | "incarnation" | "bootId" | "sentAt" | "address" | "facts">;

/** The node records. Node ids are their names. All methods throw redis_unavailable when the store is not reachable. */
export interface NodeStore {
  /**
   * Admits a node; the caller has verified the join token. The credential is kept only as SHA-256 and returned once.
   * A name in use is given again only when its node never synced or is lost (the old credential then ends), so a
   * stolen token cannot push a living node out and a wiped node comes back when its old containers are surely dead.
   * @throws BerthError conflict
   */
  join(name: string, now: number): Promise<JoinResponse>;

  /** True when the credential is the node's current one (compared in constant time). */
  authenticate(nodeId: string, credential: string): Promise<boolean>;

  /**
   * Writes the node's report and its last-seen time. A new boot id makes the node `lost` (its containers are gone) and
   * a lost node stays lost until the schedule loop has taken its attempts away and readmits it: until then a sync must
   * not be granted work or leases.
   * @throws BerthError node_not_found; conflict when a later sync of the same boot was already recorded
   */
  recordSync(report: NodeReport, now: number): Promise<NodeRecord>;

  get(nodeId: string): Promise<NodeRecord | null>;

  /** The `sentAt` of the last recorded sync. */
  lastSentAt(nodeId: string): Promise<number | null>;

  /** Nodes that have synced at least once, by name. */
  list(): Promise<NodeRecord[]>;

  /**
   * Writes what `change` makes of the node's controls, again from the start when somebody else wrote in between. They lie
   * beside the record: no sync overwrites them, and they outlive a node's loss and return.
   * @throws BerthError node_not_found; conflict after many tries
   */
  control(nodeId: string, change: (controls: NodeControls) => NodeControls): Promise<NodeRecord>;

  /** Forgets the node: its credential opens nothing any more. The caller has seen that no job is on it. @throws BerthError node_not_found */
  remove(nodeId: string): Promise<void>;

  /** Sets the state if the node has not synced since `seen.lastSeenAt`; false when it has. */
  setState(seen: NodeRecord, state: NodeRecord["state"]): Promise<boolean>;
}
