import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createGpuHost, type GpuGrant } from "../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { writeBundle } from "../../test/integration/gpu/support/container.ts";
import { must } from "../../test/integration/gpu/support/exec.ts";
import type { GpuMachine } from "../../test/integration/gpu/support/gpu-machine.ts";

/** One way to run a no-op container. The rootfs is a plain folder: an overlay costs both sides the same. */
export interface Way {
  name: string;
  /** create, start, delete. */
  run(): Promise<void>;
  /** Prepares one more and gives its command line, to be run by strace. */
  command(): Promise<string[]>;
}

function nothing(): Grant {
  const none = { deviceNodes: [], mounts: [], symlinks: [], libraryFolders: [] };
  return { plan: { version: 1, driverFolder: "/usr/local/nvidia", ...none, env: { PATH: "/bin" }, procDriver: null }, deviceRules: [] };
}

export interface Bench {
  machine: GpuMachine;
  rootfs: string;
  hook: string;
}

/** crun refuses hybrid cgroup hosts: there it is started through the engine's own launcher, as in production. */
export function runtimeCommand(runtime: "runc" | "crun"): string {
  return runtime === "runc" ? "/usr/sbin/runc" : builtFiles(packageRoot()).crunCgroupV1;
}

/** As the engine does it: the plan is made for this container, written into its bundle, and the hook is in the spec. */
export async function withGpus(bench: Bench, runtime: "runc" | "crun", gpus: number): Promise<Way> {
  const { machine } = bench;
  const host = await createGpuHost({
    native: loadNative(),
    clock: systemClock(),
    driverRoot: machine.driverRoot,
    simulated: true,
    stateDir: machine.folder,
  });
  const uuids = machine.uuids.slice(0, gpus);
  return way(bench, runtime, `${runtime} with ${gpus} GPUs`, () =>
    host.planFor(uuids, { env: { PATH: "/bin" }, lowerDirs: [bench.rootfs] }),
  );
}

export function withoutGpu(bench: Bench, runtime: "runc" | "crun"): Way {
  return way(bench, runtime, `${runtime} without GPU`, async () => nothing());
}

type Grant = Pick<GpuGrant, "plan" | "deviceRules">;

function way(bench: Bench, runtime: "runc" | "crun", name: string, grant: () => Promise<Grant>): Way {
  let count = 0;
  const prepare = async (): Promise<string[]> => {
    const id = `bench-gpu-${process.pid}-${name.replaceAll(" ", "-")}-${count++}`;
    const bundle = join(bench.machine.folder, id);
    await mkdir(bundle);
    const { plan, deviceRules } = await grant();
    const hook = deviceRules.length > 0 ? bench.hook : null;
    await writeBundle({
      bundle,
      rootfs: bench.rootfs,
      id,
      hook,
      hookKind: "prestart",
      plan,
      deviceRules,
      script: "exit 0",
      userNamespace: false,
    });
    return [runtimeCommand(runtime), "--root", join(bench.machine.folder, `state-${runtime}`), "run", "--bundle", bundle, id];
  };
  return {
    name,
    command: prepare,
    run: async () => {
      const command = await prepare();
      await must(command[0] ?? "", command.slice(1));
      await rm(command[5] ?? "", { recursive: true });
    },
  };
}
