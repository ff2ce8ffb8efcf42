import type { JobStore } from "./job-store.ts";
import type { NodeStore, TokenStore } from "./node-store.ts";

/** The control plane's whole memory. */
export interface Stores {
  jobs: JobStore;
  nodes: NodeStore;
  tokens: TokenStore;
  close(): Promise<void>;
}
