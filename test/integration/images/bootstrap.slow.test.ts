import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapImage, createImageStore, createSnapshots, type ImageStore } from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { BASE_IMAGE } from "../../support/base-image.ts";
import { neverAborted } from "../../support/test-store.ts";

const native = loadNative();
const clock = systemClock();
let dataDir: string;
let store: ImageStore;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "berth-bootstrap-"));
  store = await createImageStore({ dataDir, native, clock });
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

const bootstrap = (signal: AbortSignal, more: { refresh?: boolean; progress?: (detail: string) => void; include?: string[] } = {}) =>
  bootstrapImage({
    reference: BASE_IMAGE,
    include: more.include ?? [],
    refresh: more.refresh ?? false,
    store,
    dataDir,
    native,
    clock: systemClock(),
    progress: ({ detail = "" }) => more.progress?.(detail),
    signal,
  });

async function leftovers(): Promise<string[]> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(dataDir));
  const folders = (await readdir(join(dataDir, "bootstrap"))).filter((name) => name !== "lock");
  return [...mounts, ...folders];
}

describe("bootstrapping an image", () => {
  it("gives a runnable image, the same digest every time, and at once when it is there", async () => {
    const said: string[] = [];
    const first = await bootstrap(neverAborted(), { progress: (detail) => said.push(detail) });
    expect(said.join("\n")).toMatch(/installing essential packages/);
    expect(first.references).toEqual(["docker.io/library/debian:bookworm"]);
    expect((await bootstrap(neverAborted(), { refresh: true })).digest).toBe(first.digest);

    const silent: string[] = [];
    expect((await bootstrap(neverAborted(), { progress: (detail) => silent.push(detail) })).digest).toBe(first.digest);
    expect(silent).toEqual([]);

    const { config, layers } = first;
    const above = { ...config, history: [...(config.history ?? []), { created_by: "LABEL a=b", empty_layer: true }] };
    await store.commit({ config: above, layers, reference: "derived:1" });
    expect((await bootstrap(neverAborted())).digest).toBe(first.digest);

    await store.unpack(first, () => undefined, neverAborted());
    const snapshots = createSnapshots({ dataDir, native, clock });
    const { rootfs } = await snapshots.mount(join(dataDir, "containers/one"), first.chainIds);
    try {
      expect(await readFile(join(rootfs, "etc/os-release"), "utf8")).toContain("bookworm");
      expect(existsSync(join(rootfs, "usr/bin/apt-get"))).toBe(true);
      for (const trace of ["etc/hostname", "etc/resolv.conf", "var/log/dpkg.log", "usr/share/man/man1"])
        expect(existsSync(join(rootfs, trace)), trace).toBe(false);
      expect((await readdir(join(rootfs, "var/lib/apt/lists"))).filter((name) => name.endsWith("_Packages"))).toEqual([]);
    } finally {
      await snapshots.unmount(join(dataDir, "containers/one"));
    }
    expect(await leftovers()).toEqual([]);
  });

  it("says what is wrong when a package does not exist, and leaves nothing, nor what a killed one left", async () => {
    await mkdir(join(dataDir, "bootstrap/runs/dead/tmp/mmdebstrap.x"), { recursive: true });
    await writeFile(join(dataDir, "bootstrap/runs/dead/packages"), "");
    await expect(bootstrap(neverAborted(), { include: ["no-such-package-here"] })).rejects.toMatchObject({
      code: "bootstrap_failed",
      message: expect.stringContaining("no-such-package-here"),
    });
    expect(await leftovers()).toEqual([]);
  });

  it("ends with everything it started when it is aborted", async () => {
    const controller = new AbortController();
    const work = bootstrap(controller.signal, {
      refresh: true,
      progress: (detail) => {
        if (detail.includes("extracting archives")) controller.abort(new Error("no longer wanted"));
      },
    });
    await expect(work).rejects.toThrow("no longer wanted");
    expect(await leftovers()).toEqual([]);
  });
});
