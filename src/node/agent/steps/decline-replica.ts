import type { DesiredReplica } from "../../../shared/wire/index.ts";
import type { StepContext } from "./context.ts";

/** The stop came before the start: the control plane waits for an end, so one is recorded without a container. */
export async function declineReplica(context: StepContext, desired: DesiredReplica): Promise<void> {
  const entry = await context.table.add(desired, { activity: null, ending: { cause: "stopped", at: context.clock.now() } });
  entry.message = "stopped before it started";
}
