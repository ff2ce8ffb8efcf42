import { posix } from "node:path";
import { nameProblem } from "../build-error.ts";
import type { Verb } from "../build-run.ts";
import { allowFlags, wordOf } from "../dockerfile/arguments.ts";
import { makeFolders } from "../files/copy-files.ts";
import { layerStep } from "../layer-step.ts";
import { lookupIn, workdirOf } from "../stage-state.ts";

/** WORKDIR: relative to the one before; the folder is made when it is not there. */
export const workdir: Verb = async (run, state, instruction) => {
  allowFlags(instruction, []);
  const path = posix.resolve(workdirOf(state), wordOf(instruction, lookupIn(state)));
  const changed = { ...state, config: { ...state.config, WorkingDir: path } };
  const mtimeNs = BigInt(state.createdAt) * 1_000_000n;
  return layerStep(run, changed, instruction, {
    inputs: { path },
    createdBy: `WORKDIR ${path}`,
    diff: { latestMtimeNs: mtimeNs },
    change: ({ rootfs }) =>
      nameProblem(instruction, async () => {
        const root = await run.ports.native.openRoot(rootfs);
        await makeFolders({ target: root, owner: null, mtimeNs }, path).finally(() => root.close());
      }),
  });
};
