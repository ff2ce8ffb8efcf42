import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { userLine } from "../../../src/node/registry/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess } from "../../../src/shared/oci/index.ts";
import { skopeo } from "../../support/docker-registry.ts";
import { until } from "../../support/poll.ts";
import { openTestRegistry, type TestRegistry } from "../../support/registry-server.ts";
import { neverAborted } from "../../support/test-store.ts";
import { writeTinyImageArchive } from "../../support/tiny-image.ts";

const run = promisify(execFile);
let folder: string;
let archive: string;
let registry: TestRegistry;
const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-clients-"));
  archive = await writeTinyImageArchive(join(folder, "tiny.tar"), "tiny:latest");
  registry = await openTestRegistry();
});
afterAll(async () => {
  await registry.remove();
  await run("rm", ["-rf", folder]);
});

const host = () => `127.0.0.1:${registry.port}`;

test("skopeo pushes, looks, lists, pulls and deletes", async () => {
  const image = `docker://${host()}/skopeo/tiny:one`;
  await skopeo("copy", ...plain, `oci-archive:${archive}`, image);
  const seen = JSON.parse(await skopeo("inspect", "--tls-verify=false", image)) as { Digest: string; Layers: string[] };
  expect(seen.Layers).toHaveLength(1);
  expect(JSON.parse(await skopeo("list-tags", "--tls-verify=false", `docker://${host()}/skopeo/tiny`))).toMatchObject({ Tags: ["one"] });
  await skopeo("copy", ...plain, image, `oci:${folder}/pulled:one`);
  await skopeo("copy", ...plain, image, `docker://${host()}/skopeo/copy:two`);
  const copied = JSON.parse(await skopeo("inspect", "--tls-verify=false", `docker://${host()}/skopeo/copy:two`)) as { Digest: string };
  expect(copied.Digest).toBe(seen.Digest);
  await skopeo("delete", "--tls-verify=false", image);
  await expect(skopeo("inspect", "--tls-verify=false", image)).rejects.toThrow(/manifest unknown|no such manifest|MANIFEST_UNKNOWN/i);
});

test("skopeo pushes Docker's schema 2 with the docker media types", async () => {
  const image = `docker://${host()}/skopeo/v2s2:one`;
  await skopeo("copy", "--format", "v2s2", ...plain, `oci-archive:${archive}`, image);
  const raw = JSON.parse(await skopeo("inspect", "--raw", "--tls-verify=false", image)) as { mediaType: string };
  expect(raw.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
});

test("skopeo logs in with a name and a password, and is held to its grants", async () => {
  const guarded = await openTestRegistry({ config: { auth: "token" }, users: await userLine("ann", "a secret", ["a/*=pull,push,delete"]) });
  try {
    const image = (name: string) => `docker://127.0.0.1:${guarded.port}/${name}`;
    await skopeo("copy", "--dest-creds", "ann:a secret", ...plain, `oci-archive:${archive}`, image("a/tiny:1"));
    await skopeo("inspect", "--creds", "ann:a secret", "--tls-verify=false", image("a/tiny:1"));
    await skopeo("delete", "--creds", "ann:a secret", "--tls-verify=false", image("a/tiny:1"));
    await expect(skopeo("copy", "--dest-creds", "ann:a secret", ...plain, `oci-archive:${archive}`, image("b/tiny:1"))).rejects.toThrow();
    await expect(skopeo("copy", ...plain, `oci-archive:${archive}`, image("a/tiny:1"))).rejects.toThrow();
    await expect(skopeo("inspect", "--creds", "ann:wrong", "--tls-verify=false", image("a/tiny:1"))).rejects.toThrow();
  } finally {
    await guarded.remove();
  }
});

test("podman pushes and pulls", async () => {
  const podman = async (...args: string[]) =>
    (await run("podman", ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run"), "--storage-driver", "vfs", ...args]))
      .stdout;
  const name = `${host()}/podman/tiny:one`;
  const loaded = /Loaded image: *(\S+)/.exec(await podman("load", "--input", archive))?.[1] ?? "";
  await podman("tag", loaded, name);
  await podman("push", "--tls-verify=false", name);
  await podman("rmi", "--all", "--force");
  await podman("pull", "--tls-verify=false", name);
  expect(await podman("images", "--format", "{{.Repository}}:{{.Tag}}")).toContain(name);
});

test("buildah pushes, pulls, builds on what it pulled, and writes what we load", async () => {
  const places = ["--root", join(folder, "buildah"), "--runroot", join(folder, "buildah-run"), "--storage-driver", "vfs"];
  const buildah = async (...args: string[]) => (await run("buildah", [...places, ...args])).stdout;
  const name = `${host()}/buildah/tiny`;
  const loaded = (await buildah("pull", "--quiet", `oci-archive:${archive}`)).trim();
  await buildah("push", "--tls-verify=false", loaded, `docker://${name}:one`);
  await buildah("rmi", "--all", "--force");
  await writeFile(join(folder, "Dockerfile"), `FROM ${name}:one\nENV BUILT=1\nCOPY Dockerfile /built\n`);
  await buildah("build", "--tls-verify=false", "--isolation", "chroot", "--tag", `${name}:two`, folder);
  await buildah("push", "--tls-verify=false", `${name}:two`, `docker://${name}:two`);

  const access = createRegistryAccess({ env: { HOME: folder }, clock: systemClock() });
  try {
    const reference = `${name}:two`;
    const client = await access.clientFor(reference, null);
    const pulled = await registry.store.pull({ reference, platform: null, client }, () => undefined, neverAborted());
    expect([pulled.config.config.Env, pulled.layers.length]).toEqual([expect.arrayContaining(["BUILT=1"]), 2]);
    for (const format of ["oci-archive", "docker-archive"]) {
      await buildah("push", "--quiet", reference, `${format}:${folder}/${format}.tar:${name}:${format}`);
      const [back] = await registry.store.load(createReadStream(join(folder, `${format}.tar`)), () => undefined, neverAborted());
      expect([back?.references.includes(`${name}:${format}`), back?.chainIds]).toEqual([true, pulled.chainIds]);
    }
    const saved = join(folder, "saved.tar");
    await pipeline(await registry.store.save([reference], neverAborted()), createWriteStream(saved));
    await buildah("rmi", "--all", "--force");
    const id = (await buildah("pull", "--quiet", `oci-archive:${saved}`)).trim();
    expect(await buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.Env}}", id)).toContain("BUILT=1");
  } finally {
    await access.close();
  }
});

test("docker pushes and pulls", async () => {
  const daemon = await startDockerd();
  try {
    const docker = async (...args: string[]) => (await run("docker", ["-H", `unix://${folder}/docker.sock`, ...args])).stdout;
    await until("dockerd to answer", 60, () => docker("version"));
    const name = `${host()}/docker/tiny:one`;
    await run("skopeo", ["--insecure-policy", "copy", `oci-archive:${archive}`, `docker-archive:${folder}/docker.tar:${name}`]);
    await docker("load", "--input", join(folder, "docker.tar"));
    const pushed = /digest: (sha256:[a-f0-9]{64})/.exec(await docker("push", name))?.[1];
    await docker("rmi", name);
    expect(await docker("pull", name)).toContain(String(pushed));
    await docker("tag", name, `${host()}/docker/other:one`);
    expect(await docker("push", `${host()}/docker/other:one`)).toMatch(/Mounted from|Layer already exists/);
  } finally {
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
  }
});

/** A daemon without networks: it only moves images. Registries on loopback need no TLS for it. */
async function startDockerd(): Promise<ChildProcess> {
  await writeFile(join(folder, "daemon.json"), "{}");
  const folders = [
    "--data-root",
    join(folder, "docker"),
    "--exec-root",
    join(folder, "docker-run"),
    "--pidfile",
    join(folder, "docker.pid"),
  ];
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"];
  return spawn(
    "/usr/sbin/dockerd",
    ["--config-file", join(folder, "daemon.json"), "-H", `unix://${folder}/docker.sock`, ...folders, ...network],
    { stdio: "ignore" },
  );
}
