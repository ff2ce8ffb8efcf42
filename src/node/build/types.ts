import type { Readable } from "node:stream";
import type { Clock, NetworkMode } from "../../shared/domain/index.ts";
import type { StepRunner } from "../engine/index.ts";
import type { ImageStore, Progress, Snapshots, TrustGate } from "../images/index.ts";
import type { Native } from "../platform/index.ts";

/**
 * Runs a step to its end, in a container. A non-zero exit is a result. Nothing of the step is left running and nothing of
 * it mounted below `rootfs` when it resolves or rejects. Rejects with the signal's reason when aborted.
 */
export type RunStep = StepRunner;

export interface BuildOptions {
  /** The context as a tar, gzipped or not. */
  contextTar: Readable;
  /** Path of the Dockerfile in the context; default "Dockerfile". */
  dockerfile?: string;
  /** Names of the result; none is fine. */
  tags: readonly string[];
  /** Stage to build, by name or number; null takes the last. */
  target?: string | null;
  buildArgs?: Readonly<Record<string, string>>;
  labels?: Readonly<Record<string, string>>;
  noCache?: boolean;
  /** Of RUN steps; default bridge. */
  network?: NetworkMode;
}

/** What a build works with. */
export interface BuildPorts {
  /** The image store's data dir: the build cache and the working folders are there. */
  dataDir: string;
  store: ImageStore;
  /** What FROM may name; everything when left out. */
  trust?: Pick<TrustGate, "admitImage">;
  snapshots: Snapshots;
  native: Native;
  runStep: RunStep;
  clock: Clock;
  progress: Progress;
  signal: AbortSignal;
}
