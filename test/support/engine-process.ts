import { attachTestEngine, type testRequest } from "./test-engine.ts";

/**
 * An engine in a process of its own, to be killed: `engine-process.ts BASE-FOLDER OPTIONS-JSON`.
 * Prints "ready", runs one container and prints "running", then, when told to, ends and removes it and prints "removed".
 */
export interface EngineProcessOptions {
  script: string;
  request: { id: string } & Partial<Parameters<typeof testRequest>[1]>;
  /** "monitor.create:after": the process kills itself there, as kill -9 from outside would. */
  dieAt?: string;
  remove?: boolean;
}

const [, , base = "", optionsJson = "{}"] = process.argv;
const options = JSON.parse(optionsJson) as EngineProcessOptions;
const test = await attachTestEngine(base);
const core = test.engine.core();
if (options.dieAt) armCrash(options.dieAt);
process.stdout.write("ready\n");
await test.run(options.script, options.request);
process.stdout.write("running\n");
if (options.remove) {
  await test.engine.stop(options.request.id, 0);
  await test.engine.remove(options.request.id);
  process.stdout.write("removed\n");
}
setInterval(() => undefined, 1000);

function armCrash(point: string): void {
  const [path = "", when] = point.split(":");
  const [part = "", method = ""] = path.split(".");
  const parts: Record<string, unknown> = { ...core, images: core.options.images, snapshots: core.options.snapshots };
  const target = parts[part] as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const original = target[method];
  if (!original) throw new Error(`no crash point ${point}`);
  target[method] = async (...args) => {
    if (when === "before") process.kill(process.pid, "SIGKILL");
    const result = await original.apply(target, args);
    process.kill(process.pid, "SIGKILL");
    return result;
  };
}
