import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type HostState, writeHostState } from "../../../../src/node/gpu/index.ts";
import { loadNative } from "../../../../src/node/platform/index.ts";
import { systemClock } from "../../../../src/shared/domain/index.ts";
import { buildFakeAndHook } from "./builds.ts";
import { removeTestCgroups } from "./container.ts";
import { type GpuMachine, makeGpuMachine } from "./gpu-machine.ts";
import { install } from "./outside-berth.ts";

/** A machine with four GPUs whose engines have the hook installed under `prefix`. */
export interface OutsideMachine {
  machine: GpuMachine;
  prefix: string;
  /** Looks at the machine again. */
  writeState(): Promise<HostState>;
}

/** Registers the hooks that make and remove it. */
export function outsideMachine(...engines: string[]): OutsideMachine {
  const outside: OutsideMachine = {
    ...({} as Pick<OutsideMachine, "machine" | "prefix">),
    writeState: () =>
      writeHostState({
        ...{ native: loadNative(), clock: systemClock(), driverRoot: outside.machine.driverRoot, simulated: true },
        path: join(outside.prefix, "run/berth/gpu-host-state.json"),
      }),
  };
  beforeAll(async () => {
    await buildFakeAndHook("all");
    await buildFakeAndHook("asan");
    outside.machine = await makeGpuMachine(4);
    outside.prefix = join(outside.machine.folder, "prefix");
    for (const engine of engines) await install(engine, outside.prefix, outside.machine.driverRoot);
    if (engines.length > 0) await outside.writeState();
  });
  afterAll(async () => {
    await removeTestCgroups();
    await outside.machine.remove();
  });
  return outside;
}
