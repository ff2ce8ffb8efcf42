import { measureRegistry } from "./registry.ts";
import { measureStore, STORE_PARTS } from "./store.ts";

/** What `BENCH_PARTS=pull,registry` may name. */
const PARTS: Record<string, () => Promise<void>> = {
  ...Object.fromEntries(Object.entries(STORE_PARTS).map(([name, part]) => [name, () => measureStore(part, name)])),
  registry: measureRegistry,
};

for (const name of process.env["BENCH_PARTS"]?.split(",") ?? Object.keys(PARTS)) {
  const measure = PARTS[name];
  if (measure === undefined) throw new Error(`no such part: ${name} (there are: ${Object.keys(PARTS).join(", ")})`);
  await measure();
}
