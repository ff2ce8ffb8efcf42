import { Readable } from "node:stream";
import { afterEach, beforeEach } from "vitest";
import { buildImage } from "../../src/node/build/index.ts";
import { type Image, type TarMember, type TrustGate, writeTar } from "../../src/node/images/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { chrootRunStep } from "./chroot-run-step.ts";
import { neverAborted, openTestStore, type TestStore } from "./test-store.ts";
import { addTinyImage } from "./tiny-image.ts";

export type Files = Record<string, string | { link: string } | { mode: number; text: string }>;
export interface More {
  target?: string;
  buildArgs?: Record<string, string>;
  noCache?: boolean;
  signal?: AbortSignal;
  tags?: string[];
  trust?: Pick<TrustGate, "admitImage">;
}

/** Builds over a store that has the image `tiny`. New for each test of the file that calls it. */
export interface TestBuilds {
  test: TestStore;
  /** Details of the progress so far. */
  said: string[];
  build(dockerfile: string, files?: Files, more?: More): Promise<Image>;
  /** The image's files, mounted until the test ends. */
  filesOf(image: Image): Promise<string>;
  /** How many steps came from the cache since `said` was emptied. */
  cached(): number;
}

/** Registers the hooks; `test` is there from the first `beforeEach` on. */
export function testBuilds(): TestBuilds {
  let views = 0;
  const builds = {
    said: [] as string[],
    build: (dockerfile: string, files: Files = {}, more: More = {}) => build(all, dockerfile, files, more),
    async filesOf(image: Image) {
      await all.test.store.unpack(image, () => undefined, neverAborted());
      return (await all.test.snapshots.mount(all.test.containerDir(`view-${views++}`), image.chainIds)).rootfs;
    },
    cached: () => builds.said.filter((line) => line.includes("using cache")).length,
  };
  const all = builds as TestBuilds;
  beforeEach(async () => {
    all.test = await openTestStore();
    all.said.length = 0;
    await addTinyImage(all.test.store);
  });
  afterEach(() => all.test.remove());
  return all;
}

/** Everything but the context. */
export function buildPorts({ test, said }: Pick<TestBuilds, "test" | "said">, signal = neverAborted()) {
  return {
    dataDir: test.dataDir,
    store: test.store,
    snapshots: test.snapshots,
    native: test.native,
    runStep: chrootRunStep,
    clock: systemClock(),
    progress: ({ detail = "" }: { detail?: string }) => void said.push(detail),
    signal,
  };
}

function build(builds: TestBuilds, dockerfile: string, files: Files, more: More): Promise<Image> {
  const members = Object.entries({ Dockerfile: dockerfile, ...files }).map(([path, content]) => contextMember(path, content));
  const { signal, tags = [], trust, ...options } = more;
  const ports = { ...buildPorts(builds, signal), ...(trust && { trust }) };
  return buildImage({ contextTar: Readable.from(writeTar(members)), tags, ...options }, ports);
}

export function contextMember(path: string, content: Files[string]): TarMember {
  const entry = { path, linkPath: "", mode: 0o644, uid: 1234, gid: 1234, size: 0, mtimeNs: 1_600_000_000_500_000_000n, xattrs: {} };
  if (typeof content === "object" && "link" in content) return { entry: { ...entry, type: "symlink", linkPath: content.link }, body: null };
  const { text, mode } = typeof content === "string" ? { text: content, mode: 0o644 } : content;
  if (path.endsWith("/")) return { entry: { ...entry, type: "directory", mode: 0o755 }, body: null };
  return { entry: { ...entry, type: "file", mode, size: Buffer.byteLength(text) }, body: [Buffer.from(text)] };
}
