import { posix } from "node:path";
import { instructionError, nameProblem } from "../build-error.ts";
import type { BuildRun, Verb } from "../build-run.ts";
import { allowFlags, flagOf, wordsOf } from "../dockerfile/arguments.ts";
import type { Instruction } from "../dockerfile/parse-dockerfile.ts";
import { findStage, type Stage } from "../dockerfile/stages.ts";
import { copyFiles } from "../files/copy-files.ts";
import { type Owner, parseOwner } from "../files/owner.ts";
import { hashSelections, type Selection, type SourceTree, selectFiles } from "../files/select-files.ts";
import { layerStep } from "../layer-step.ts";
import { lookupIn, type StageState, workdirOf } from "../stage-state.ts";

const CONTEXT_OWNER: Owner = { uid: 0, gid: 0 };

/** COPY and ADD of local files: from the context, or with --from from another stage or image. */
export const copy: Verb = async (run, state, instruction, stage) => {
  allowFlags(instruction, instruction.keyword === "COPY" ? ["chown", "chmod", "from"] : ["chown", "chmod"]);
  const words = wordsOf(instruction, lookupIn(state));
  const [sources, destination] = [words.slice(0, -1), words.at(-1)];
  if (sources.length === 0 || destination === undefined) throw instructionError(instruction, "it needs a source and a destination");
  const remote = sources.find((source) => instruction.keyword === "ADD" && /^(?:https?|git|ssh):|^git@/.test(source));
  if (remote !== undefined)
    throw instructionError(instruction, `${remote} is not local: fetch it in a RUN step and check its digest there`);
  return withTree(run, state, instruction, stage, async (tree, fromContext) => {
    const selections: Selection[] = [];
    for (const source of sources) selections.push(...(await nameProblem(instruction, () => selectFiles(tree, source, run.ports.signal))));
    return copyStep(run, state, instruction, { tree, selections, destination, fromContext });
  });
};

interface CopyStep {
  tree: SourceTree;
  selections: Selection[];
  destination: string;
  fromContext: boolean;
}

function copyStep(run: BuildRun, state: StageState, instruction: Instruction, step: CopyStep): Promise<StageState> {
  const lookup = lookupIn(state);
  const chown = flagOf(instruction, "chown", lookup);
  const mode = modeOf(instruction, flagOf(instruction, "chmod", lookup));
  const destination = absolute(step.destination, workdirOf(state));
  const latestMtimeNs = newest(step.selections, BigInt(state.createdAt) * 1_000_000n);
  return layerStep(run, state, instruction, {
    inputs: { destination, chown, mode, content: hashSelections(step.selections, !step.fromContext) },
    createdBy: `${instruction.keyword} ${instruction.text}`,
    diff: { latestMtimeNs },
    change: ({ rootfs }) =>
      nameProblem(instruction, async () => {
        const target = await run.ports.native.openRoot(rootfs);
        try {
          const owner = chown === null ? (step.fromContext ? CONTEXT_OWNER : null) : await parseOwner(chown, target);
          const { tree, selections } = step;
          await copyFiles({
            source: tree.root,
            target,
            selections,
            destination,
            owner,
            mode,
            mtimeNs: latestMtimeNs,
            signal: run.ports.signal,
          });
        } finally {
          target.close();
        }
      }),
  });
}

/** Opens where the files come from for as long as `work` runs. */
async function withTree(
  run: BuildRun,
  state: StageState,
  instruction: Instruction,
  stage: Stage,
  work: (tree: SourceTree, fromContext: boolean) => Promise<StageState>,
): Promise<StageState> {
  const from = flagOf(instruction, "from", lookupIn(state));
  if (from === null) return work({ root: run.context.root, ignored: run.context.ignored }, true);
  const other = findStage(run.stages, from, stage.index);
  const source = other === null ? await run.ports.store.get(from) : run.built.get(other.index);
  if (source === undefined) throw instructionError(instruction, `the stage ${JSON.stringify(from)} is not built yet`);
  return run.withRootOf(source, (root) => work({ root, ignored: () => false }, false));
}

function modeOf(instruction: Instruction, chmod: string | null): number | null {
  if (chmod === null) return null;
  if (!/^[0-7]{3,4}$/.test(chmod)) throw instructionError(instruction, `--chmod=${chmod} is not an octal mode like 755`);
  return Number.parseInt(chmod, 8);
}

/** Keeps the trailing slash: it says "folder". */
function absolute(destination: string, workdir: string): string {
  const path = posix.resolve(workdir, destination);
  const isFolder = destination.endsWith("/") || destination === "." || destination.endsWith("/.");
  return isFolder && path !== "/" ? `${path}/` : path;
}

/** Folders made on the way get the time of the youngest file, so that copying again gives the same bytes. */
function newest(selections: readonly Selection[], floor: bigint): bigint {
  let latest = floor;
  for (const { stat } of selections.flatMap(({ files }) => files)) if (stat.mtimeNs > latest) latest = stat.mtimeNs;
  return latest;
}
