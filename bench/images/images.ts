import { measureRegistry } from "./registry.ts";
import { measureStore } from "./store.ts";

const PARTS: Record<string, () => Promise<void>> = { store: measureStore, registry: measureRegistry };

for (const name of process.env["BENCH_PARTS"]?.split(",") ?? Object.keys(PARTS)) {
  const measure = PARTS[name];
  if (measure === undefined) throw new Error(`no such part: ${name} (there are: ${Object.keys(PARTS).join(", ")})`);
  await measure();
}
