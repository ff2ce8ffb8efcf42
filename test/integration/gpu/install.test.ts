import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { install } from "./support/outside-berth.ts";
import { outsideMachine } from "./support/outside-machine.ts";
import { tree } from "./support/rootfs.ts";

const outside = outsideMachine();

it("writes a CDI file alone for engines that read those, and takes it away again", async () => {
  const other = join(outside.machine.folder, "cdi");
  await install("cdi", other, outside.machine.driverRoot);
  const spec = JSON.parse(await readFile(join(other, "etc/cdi/berth.json"), "utf8")) as { kind: string; devices: { name: string }[] };
  expect(spec.kind).toBe("nvidia.com/gpu");
  expect(spec.devices.map(({ name }) => name)).toContain(outside.machine.uuids[3]);
  await install("cdi", other, outside.machine.driverRoot, "--uninstall");
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual([]);
});

it("installs once, shows what it would write, and takes all of it away again", async () => {
  const other = join(outside.machine.folder, "other");
  await mkdir(join(other, "etc/docker"), { recursive: true });
  await writeFile(join(other, "etc/docker/daemon.json"), '{"debug":true}');
  const containerd = join(other, "etc/containerd/config.toml");
  const own = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  enable_cdi = true\n';
  await mkdir(join(other, "etc/containerd"));
  await writeFile(containerd, own);
  const before = await tree(other);
  expect(await install("docker", other, "/", "--dry-run")).toContain("would write");
  expect(await tree(other)).toEqual(before);
  for (const engine of ["docker", "podman", "containerd", "crio"]) await install(engine, other, "/");
  for (const engine of ["docker", "containerd"]) expect(await install(engine, other, "/")).not.toMatch(/wrote|copied/);
  expect(await readFile(containerd, "utf8")).toMatch(
    /^version = 2\n[\s\S]*enable_cdi = true\n[\s\S]*runtimes\.runc\][\s\S]*runtimes\.berth\]/,
  );
  for (const engine of ["podman", "containerd", "crio", "docker"]) await install(engine, other, "/", "--uninstall");
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual(["etc/containerd/config.toml", "etc/docker/daemon.json"]);
  expect(await readFile(containerd, "utf8")).toBe(own);
  expect(JSON.parse(await readFile(join(other, "etc/docker/daemon.json"), "utf8"))).toEqual({ debug: true });
});

it.each([
  ["docker", "etc/docker/daemon.json", "{", /JSON/],
  ["containerd", "etc/containerd/config.toml", "oom_score = 1\n", /is of version 1; `containerd config migrate` prints it/],
])("writes nothing where %s's own file is one it cannot edit", async (engine, file, text, reason) => {
  const other = join(outside.machine.folder, `odd-${engine}`);
  await mkdir(join(other, file, ".."), { recursive: true });
  await writeFile(join(other, file), text);
  await expect(install(engine, other, "/")).rejects.toThrow(reason);
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual([file]);
  expect(await readFile(join(other, file), "utf8")).toBe(text);
});
