import { posix } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";
import type { ImageConfig } from "../images/index.ts";
import type { BuildRun, Verb } from "./build-run.ts";
import { wordOf } from "./dockerfile/arguments.ts";
import { parseDockerfile } from "./dockerfile/parse-dockerfile.ts";
import type { Stage } from "./dockerfile/stages.ts";
import { cmd, entrypoint, env, expose, label, stopSignal, user, volume } from "./instructions/metadata.ts";
import { lookupIn, type StageState, scratchState, workdirOf } from "./stage-state.ts";

const workdir: Verb = async (_run, state, instruction) => ({
  ...state,
  config: { ...state.config, WorkingDir: posix.resolve(workdirOf(state), wordOf(instruction, lookupIn(state))) },
});

const CHANGES: Record<string, Verb> = {
  CMD: cmd,
  ENTRYPOINT: entrypoint,
  ENV: env,
  EXPOSE: expose,
  LABEL: label,
  STOPSIGNAL: stopSignal,
  USER: user,
  VOLUME: volume,
  WORKDIR: workdir,
};

/**
 * An image's config after Dockerfile instructions that make no layer ("CMD [\"sh\"]", "ENV A=b"), one each.
 * @throws BerthError invalid_request for another instruction, build_failed for a malformed one
 */
export async function applyChanges(config: ImageConfig["config"], changes: readonly string[]): Promise<ImageConfig["config"]> {
  let state: StageState = { ...scratchState(), config, ownCmd: true };
  for (const change of changes) {
    const [instruction, more] = parseDockerfile(change);
    const verb = instruction !== undefined && Object.hasOwn(CHANGES, instruction.keyword) ? CHANGES[instruction.keyword] : undefined;
    if (instruction === undefined || verb === undefined || more !== undefined)
      throw new BerthError(
        "invalid_request",
        `${JSON.stringify(change)} is not one of ${Object.keys(CHANGES).join(", ")} with its arguments`,
      );
    // These verbs look at neither the run nor the stage.
    state = await verb({} as BuildRun, state, instruction, {} as Stage);
  }
  return state.config;
}
