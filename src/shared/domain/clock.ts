/** Time as the decisions see it: passed in, so tests and the simulator own it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch: for people and records, never for leases. */
  now(): number;
  /** Milliseconds that only grow and do not follow wall-clock steps: for timeouts and leases. */
  monotonic(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason when it aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
