import type { PublishedPort } from "../../shared/domain/index.ts";
import type { ProcessIdentity } from "../platform/index.ts";
import type { ContainerExit, ContainerRequest } from "./types.ts";

/**
 * How far a container came; written before the step it names, so a crash is read from it:
 *
 *   creating  the user's program never ran: recover() takes everything away
 *   starting  the program may have run: recover() looks at the runtime and adopts, ends or removes
 *   running   adopt, or read how it ended meanwhile
 *   exited    only releasing may be left to do
 *   removing  remove() was called: finish it
 */
export type Phase = "creating" | "starting" | "running" | "exited" | "removing";

/** container.json */
export interface ContainerRecord {
  version: 1;
  phase: Phase;
  request: StoredRequest;
  imageDigest: string;
  /** Layers in use, bottom first. */
  chainIds: string[];
  stopSignal: string;
  /** Which runtime has its state: another may be chosen after an upgrade. */
  runtime: string;
  bootId: string;
  process: ProcessIdentity | null;
  network: { slot: string; address: string; ports?: PublishedPort[] } | null;
  createdAt: number;
  startedAt: number | null;
  exit: ContainerExit | null;
}

/** The request without its environment: secrets come that way, and nothing after the start needs them. */
export type StoredRequest = Pick<ContainerRequest, "id" | "image" | "labels" | "gpuUuids" | "network" | "memoryBytes"> & {
  leased: boolean;
};

/** Picks what is named, so that a member added to requests is not on disk unless somebody thought of it. */
export function storedRequest(request: ContainerRequest): StoredRequest {
  const { id, image, labels, gpuUuids, network, memoryBytes, leaseDeadlineMs } = request;
  return { id, image, labels, gpuUuids, network, memoryBytes, leased: leaseDeadlineMs !== null };
}
