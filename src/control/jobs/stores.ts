import type { ArrayStore } from "./arrays/array-store.ts";
import type { BlobDirectory } from "./blob-directory.ts";
import type { JobStore } from "./job-store.ts";
import type { LeaderStore } from "./leader-store.ts";
import type { NodeStore, TokenStore } from "./node-store.ts";
import type { ProjectStore } from "./project-store.ts";
import type { ReservationStore } from "./reservation-store.ts";

/** The control plane's whole memory. */
export interface Stores {
  jobs: JobStore;
  arrays: ArrayStore;
  nodes: NodeStore;
  tokens: TokenStore;
  leader: LeaderStore;
  projects: ProjectStore;
  reservations: ReservationStore;
  blobs: BlobDirectory;
  close(): Promise<void>;
}
