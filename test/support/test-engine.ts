import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContainerExit,
  type ContainerRequest,
  createEngine,
  type EngineOptions,
  type NodeEngine,
} from "../../src/node/engine/index.ts";
import { createImageStore, createSnapshots, type ImageStore, type StorageDriver } from "../../src/node/images/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { silentLogger } from "../../src/shared/observe/index.ts";
import { addTinyImage, TINY_IMAGE } from "./tiny-image.ts";

export interface TestEngine {
  engine: NodeEngine;
  images: ImageStore;
  dataDir: string;
  runDir: string;
  /** Runs `sh -c script` in the tiny image. */
  run(script: string, overrides?: Partial<ContainerRequest>): Promise<string>;
  /** Runs it to its end. */
  runToEnd(script: string, overrides?: Partial<ContainerRequest>): Promise<{ id: string; exit: ContainerExit; log: string }>;
  ended(id: string): Promise<ContainerExit>;
  /** The log's texts without stream and time. */
  logText(id: string): Promise<string>;
  /** Stops and removes everything, closes, deletes the folders. The engine may be closed already. */
  close(): Promise<void>;
}

/** `owners`: how containers in user namespaces get their files, as `createSnapshots` takes it, like `driver`. */
export type TestEngineOptions = Partial<EngineOptions> & { owners?: "idmapped" | "chowned"; driver?: StorageDriver };

let counter = 0;

/** An engine of its own, in short folders below /tmp, with the tiny image in its store. */
export async function openTestEngine(overrides: TestEngineOptions = {}): Promise<TestEngine> {
  const base = await mkdtemp(join(tmpdir(), "be-"));
  // Roots of user namespaces pass through it.
  await chmod(base, 0o711);
  return attachTestEngine(base, overrides);
}

/** The same over folders that exist already. */
export async function attachTestEngine(
  base: string,
  { owners = "idmapped", driver = "overlay2", ...overrides }: TestEngineOptions = {},
): Promise<TestEngine> {
  const dataDir = join(base, "data");
  const runDir = join(base, "run");
  const native = loadNative();
  const clock = systemClock();
  const images = await createImageStore({ dataDir, native, clock });
  await images.get(TINY_IMAGE).catch(() => addTinyImage(images));
  const engine = createEngine({
    dataDir,
    runDir,
    native,
    images,
    snapshots: createSnapshots({ dataDir, native, clock, owners, driver }),
    gpuHost: null,
    allowBind: [],
    clock,
    logger: silentLogger(),
    programs: builtFiles(packageRoot()),
    warmNetworks: 0,
    ...overrides,
  });
  await engine.recover();
  const ended = (id: string) => exitOf(engine, id);
  const run = async (script: string, request: Partial<ContainerRequest> = {}) => {
    const { id } = await engine.run(testRequest(script, request), () => undefined, new AbortController().signal);
    return id;
  };
  const logText = async (id: string) => plainLog(await readAll(engine, id));
  return {
    engine,
    images,
    dataDir,
    runDir,
    run,
    ended,
    logText,
    async runToEnd(script, request = {}) {
      const id = await run(script, request);
      return { id, exit: await ended(id), log: await logText(id) };
    },
    async close() {
      for (const { id } of engine.list()) {
        await engine.stop(id, 0);
        await engine.remove(id);
      }
      await engine.close();
      await images.close();
      await rm(base, { recursive: true, force: true });
    },
  };
}

export function testRequest(script: string, overrides: Partial<ContainerRequest> = {}): ContainerRequest {
  counter += 1;
  return {
    id: `t-${process.pid}-${counter}`,
    image: TINY_IMAGE,
    command: ["/bin/sh", "-c", script],
    args: null,
    env: {},
    workdir: null,
    user: null,
    hostname: "berth-test",
    mounts: [],
    cpuMillis: null,
    memoryBytes: 64 * 2 ** 20,
    shmBytes: null,
    pidsLimit: 64,
    gpuUuids: [],
    network: "none",
    labels: {},
    leaseDeadlineMs: null,
    stopSignal: null,
    ...overrides,
  };
}

export async function exitOf(engine: NodeEngine, id: string): Promise<ContainerExit> {
  const now = engine.get(id)?.exit;
  if (now) return now;
  return new Promise((resolve) => {
    const unsubscribe = engine.onChange((container) => {
      if (container.id !== id || container.exit === null) return;
      unsubscribe();
      resolve(container.exit);
    });
    const missed = engine.get(id)?.exit;
    if (missed) resolve(missed);
  });
}

async function readAll(engine: NodeEngine, id: string): Promise<string> {
  let text = "";
  for await (const chunk of await engine.readLog(id, 0)) text += String(chunk);
  return text;
}

/** "TIME stream F text" -> "text"; a partial line is joined with the next. */
function plainLog(text: string): string {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, , tag = "", ...rest] = line.split(" ");
      return `${rest.join(" ")}${tag === "F" ? "\n" : ""}`;
    })
    .join("");
}
