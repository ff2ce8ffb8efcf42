import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMpsDaemons, type MpsDaemons } from "../../../src/node/gpu/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";

let home: string;
let daemons: MpsDaemons;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "berth-mps-"));
  daemons = open();
});
afterEach(async () => {
  await daemons.keepOnly(() => new Set());
  await rm(home, { recursive: true, force: true });
});

/** As an agent that knows nothing of one before it. */
function open(): MpsDaemons {
  return createMpsDaemons({ folder: join(home, "mps"), driverRoot: join(home, "root"), clock: systemClock() });
}

async function install(script: string): Promise<void> {
  await mkdir(join(home, "root/usr/bin"), { recursive: true });
  const path = join(home, "root/usr/bin/nvidia-cuda-mps-control");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

/** Writes down how it was started, then serves; its server does not end for a SIGTERM. */
const SERVING = `echo "$1 $CUDA_VISIBLE_DEVICES" >> "$CUDA_MPS_LOG_DIRECTORY/starts"
sh -c 'trap "" TERM; while :; do sleep 0.1; done' &
mkfifo "$CUDA_MPS_PIPE_DIRECTORY/control" && exec sleep 1000`;

/** Processes with the test's folder in their environment. */
async function processes(): Promise<number> {
  const texts = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const ours = texts.map(async (pid) => (await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")).includes(home));
  return (await Promise.all(ours)).filter(Boolean).length;
}

test("one daemon serves every client of a GPU, also for an agent that comes after", async () => {
  await install(SERVING);
  const [first, second] = await Promise.all([daemons.endpointOf("GPU-1"), daemons.endpointOf("GPU-1")]);
  expect(second).toEqual(first);
  expect(await open().endpointOf("GPU-1")).toEqual(first);
  expect(await readFile(join(home, "mps/GPU-1/log/starts"), "utf8")).toBe("-f GPU-1\n");
  expect((await readdir(first.pipeFolder)).sort()).toEqual(["control"]);
});

test("those of GPUs that are not in use are ended with their servers, whoever started them", async () => {
  await install(SERVING);
  await daemons.endpointOf("GPU-1");
  await daemons.endpointOf("GPU-2");
  await open().keepOnly(() => new Set(["GPU-2"]));
  expect(await readdir(join(home, "mps"))).toEqual(["GPU-2"]);
  await open().keepOnly(() => new Set());
  expect([await processes(), await readdir(join(home, "mps"))]).toEqual([0, []]);
});

test("one that ends at once is an error that leaves nothing behind", async () => {
  await install("exit 1");
  await expect(daemons.endpointOf("GPU-1")).rejects.toMatchObject({ code: "gpu_unavailable" });
  expect([await processes(), await readdir(join(home, "mps"))]).toEqual([0, []]);
});

test("a driver without MPS is an error that says what to do, and a name that would be a path is none of a GPU", async () => {
  await expect(daemons.endpointOf("GPU-1")).rejects.toMatchObject({
    code: "missing_requirement",
    message: expect.stringMatching(/nvidia-cuda-mps.*time-slice/),
  });
  await expect(daemons.endpointOf("../x")).rejects.toMatchObject({ code: "gpu_unavailable" });
});
