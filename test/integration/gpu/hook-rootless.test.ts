import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildFakeAndHook, HOOK } from "./support/builds.ts";
import { exec, must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";

let machine: GpuMachine;

beforeAll(async () => {
  await buildFakeAndHook("all");
  machine = await makeGpuMachine(2);
});
afterAll(() => machine.remove());

// As under rootless podman: the spec names no user namespace, but runtime and hook are in one already, where mknod is forbidden.
it("binds the host's nodes where it runs in a user namespace itself", async () => {
  const bundle = await mkdtemp(join(machine.folder, "bundle-"));
  const rootfs = join(bundle, "rootfs");
  await mkdir(join(rootfs, "dev"), { recursive: true });
  const inner = `mount --bind ${rootfs} ${rootfs} && mount -t tmpfs tmpfs ${rootfs}/dev && echo $$ && exec cat`;
  const outer = spawn("unshare", ["-Ur", "-m", "--propagation", "private", "unshare", "-m", "sh", "-c", inner], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [said] = (await once(outer.stdout, "data")) as [Buffer];
  const pid = Number(said);
  const { plan } = await machine.planFor([machine.uuids[1] ?? ""]);
  await writeFile(join(bundle, "plan.json"), JSON.stringify({ ...plan, procDriver: null }), { mode: 0o600 });
  await writeFile(join(bundle, "config.json"), JSON.stringify({ root: { path: rootfs }, linux: { namespaces: [{ type: "mount" }] } }));
  // A mount namespace of its own, owned by that user namespace, as the runtime's would be.
  const enter = [
    "-t",
    String(pid),
    "-U",
    "--preserve-credentials",
    "unshare",
    "-m",
    "--propagation",
    "private",
    HOOK,
    "--plan",
    join(bundle, "plan.json"),
  ];
  const result = await exec("nsenter", enter, { input: JSON.stringify({ pid, bundle }) });
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  const inside = (...command: string[]): Promise<string> =>
    must("nsenter", ["-t", String(pid), "-U", "-m", "--preserve-credentials", ...command]);
  expect((await inside("ls", join(rootfs, "dev"))).trim().split("\n")).toEqual(["nvidia-uvm", "nvidia-uvm-tools", "nvidia1", "nvidiactl"]);
  expect(await inside("stat", "-c", "%F %t:%T", join(rootfs, "dev/nvidia1"))).toBe("character special file c3:1\n");
  const ended = once(outer, "exit");
  outer.stdin.end();
  await ended;
});
