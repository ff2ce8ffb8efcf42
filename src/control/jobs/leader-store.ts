/** Grows with every change of leader. A commit under an older one is refused. */
export type Fence = number;

/** Who may schedule. All methods throw redis_unavailable when the store is not reachable. */
export interface LeaderStore {
  /**
   * Takes the lease when nobody holds it, or renews it for its holder; null while another holds it. A holder whose lease
   * ran out gets a new fence, as another would.
   */
  acquire(holder: string, ttlMs: number): Promise<Fence | null>;
  /** Names the lease as it stands, by another text after every renewal; null while nobody holds it. */
  standing(): Promise<string | null>;
  /** Ends the lease that stands so; one that was renewed since stays. */
  depose(standing: string): Promise<void>;
  /** Lets go at once, so that a clean stop needs no take-over time. */
  release(holder: string): Promise<void>;
}
