import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeHostState } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { buildFakeAndHook } from "../../integration/gpu/support/builds.ts";
import { removeTestCgroups } from "../../integration/gpu/support/container.ts";
import { addCudaProgram } from "../../integration/gpu/support/cuda-program.ts";
import { must } from "../../integration/gpu/support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "../../integration/gpu/support/gpu-machine.ts";
import { install } from "../../integration/gpu/support/outside-berth.ts";
import type { PrivateMachine } from "../../integration/gpu/support/private-machine.ts";
import { makeTinyRootfs } from "../../integration/gpu/support/rootfs.ts";
import { writeImageArchive } from "../../integration/gpu/support/tiny-archive.ts";
import { openEngineMachine } from "./engine-machine.ts";

/** Four simulated GPUs and a machine with Debian 13's engines, for which hooks/install.sh has set up our hook and a CDI file. */
export interface GpuEngines {
  gpus: GpuMachine;
  machine: PrivateMachine;
  folder: string;
  /** Laid over the engines' /. */
  prefix: string;
  rootfs: string;
  /** A plain tar of `rootfs`, and an archive as `docker save` writes it, of the image TINY. */
  imageTar: string;
  imageArchive: string;
  close(): Promise<void>;
}

/** `ownFiles`: what the administrator wrote before the installer ran; FOLDER in them is `folder`. */
export async function openGpuEngines(root: string, engine: string, ownFiles: Record<string, string> = {}): Promise<GpuEngines> {
  await buildFakeAndHook("all");
  const gpus = await makeGpuMachine(4);
  const { folder, driverRoot } = gpus;
  const at = (name: string) => join(folder, name);
  await makeTinyRootfs(at("tiny"));
  await addCudaProgram(at("tiny"));
  await must("tar", ["-C", at("tiny"), "-cf", at("tiny.tar"), "."]);
  await writeImageArchive(folder, "tiny.tar", at("image.tar"));
  for (const [path, text] of Object.entries(ownFiles)) await put(join(at("prefix"), path), text.replaceAll("FOLDER", folder));
  for (const name of ["cdi", engine]) await install(name, at("prefix"), driverRoot);
  const state = join(at("prefix"), "run/berth/gpu-host-state.json");
  await writeHostState({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, path: state });
  const machine = await openEngineMachine({ root, prefix: at("prefix"), folder });
  return {
    ...{ gpus, machine, folder, rootfs: at("tiny"), prefix: at("prefix") },
    ...{ imageTar: at("tiny.tar"), imageArchive: at("image.tar") },
    close: async () => {
      await machine.close();
      await removeTestCgroups();
      await gpus.remove();
    },
  };
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
}
