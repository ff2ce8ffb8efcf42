/** Seconds; the agent is told the lease and the interval in every sync. */
export const DEFAULTS = {
  /** A lease lasts this long from the sync that it was granted for. */
  lease: 60,
  /** More, before what a silent node held is given away: clocks drift, and a kill takes time. */
  grace: 10,
  /** Silence after which nothing new is placed on a node: five syncs. */
  suspect: 15,
  /** Between scheduling passes when nothing wakes the loop. */
  pass: 2,
  /** Between an agent's syncs when nothing happens. */
  sync: 3,
  /** Before a quarantined GPU is looked at for the first time. */
  diagnoseAfter: 600,
} as const;
