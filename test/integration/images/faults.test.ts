import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultsAt, keepWorker, runFault, type Subject, watchOperation } from "../../support/faults/run-faults.ts";
import { makeTemplates, type Templates } from "../../support/faults/templates.ts";
import { type HostileRegistry, startHostileRegistry } from "../../support/hostile-registry.ts";

/** Faults tried of each operation; "every" is each call failing in each way (npm run soak:faults, about an hour). */
const WANTED = process.env["BERTH_FAULTS"] ?? "2";
const HOUR_MS = 3_600_000;

const OPERATIONS = ["pull", "unpack", "commit", "push", "prune", "import", "load", "scrub", "rebase", "save", "pull of sha512"];
/** What differs from the others by where its blobs lie and who hashes them; only in the longer runs. */
const MORE = ["load of sha512", "unpack of sha512", "commit of sha512", "push of sha512", "save of sha512"];

let top: string;
let registry: HostileRegistry;
let templates: Templates;
const workers = keepWorker();
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "berth-faults-"));
  registry = await startHostileRegistry();
  templates = await makeTemplates(join(top, "templates"), registry);
});
afterAll(async () => {
  await workers.stop();
  await registry.stop();
  await rm(top, { recursive: true, force: true });
});

function sampled<T>(all: readonly T[], count: number): T[] {
  return Array.from({ length: Math.min(count, all.length) }, (_, index) => all[Math.floor(((index + 0.5) * all.length) / count)] as T);
}

describe("when a system call fails or the process is killed at it", () => {
  it.each(WANTED === "2" ? OPERATIONS : [...OPERATIONS, ...MORE])(
    "%s leaves a whole store, and the next try succeeds and leaves nothing else",
    { timeout: HOUR_MS },
    async (operation) => {
      const template = templates.all.find(({ name }) => name === operation);
      if (template === undefined) throw new Error(`no template for ${operation}`);
      const subject: Subject = { template, seals: templates.seals, folder: top };
      const { calls, state } = await watchOperation(subject);
      const faults = calls.flatMap(faultsAt);
      const wrong: string[] = [];
      const tried = WANTED === "every" ? faults : sampled(faults, Number(WANTED));
      if (tried.length > 2) console.log(`${operation}: ${calls.length} calls, ${tried.length} of ${faults.length} faults`);
      for (const fault of tried) {
        const problem = await runFault(subject, workers, fault, state);
        if (problem !== null) wrong.push(problem);
      }
      expect(faults.length).toBeGreaterThan(20);
      expect(wrong).toEqual([]);
    },
  );
});
