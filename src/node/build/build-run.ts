import type { Image } from "../images/index.ts";
import type { NativeRoot } from "../platform/index.ts";
import type { BuildCache } from "./build-cache.ts";
import type { Context } from "./context/open-context.ts";
import type { Instruction } from "./dockerfile/parse-dockerfile.ts";
import type { Stage } from "./dockerfile/stages.ts";
import type { StageState } from "./stage-state.ts";
import type { BuildOptions, BuildPorts } from "./types.ts";

/** One build in progress: what every instruction may use. */
export interface BuildRun {
  ports: BuildPorts;
  options: BuildOptions;
  context: Context;
  cache: BuildCache;
  /** Times are not later than this, milliseconds since the epoch (SOURCE_DATE_EPOCH); null without. */
  epochMs: number | null;
  /** Stages of the Dockerfile, and those built so far by index. */
  stages: readonly Stage[];
  built: Map<number, StageState>;
  /** A fresh working folder, removed with the build. */
  workingFolder(): string;
  /** Reads the files of another stage or image while `work` runs. */
  withRootOf<T>(source: StageState | Image, work: (root: NativeRoot) => Promise<T>): Promise<T>;
  /** Keeps a blob or unpacked layer from prune until the build ends. */
  hold(digests: readonly string[]): Promise<void>;
  /** Build arguments that no ARG asked for so far: a typing error, most likely. */
  unusedArgs: Set<string>;
}

/** Carries out one instruction. @throws BerthError build_failed naming the line */
export type Verb = (run: BuildRun, state: StageState, instruction: Instruction, stage: Stage) => Promise<StageState>;
