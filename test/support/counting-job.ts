import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Berth } from "./berth.ts";
import { until } from "./poll.ts";

const LINES = 40;
/** Prints a line every 0.2 s (8 s in all) and notes each start: running twice would show. */
const COUNTING = `echo start >> /data/starts; for i in $(seq 1 ${LINES}); do echo line $i; sleep 0.2; done; exit 5`;
const EXPECTED = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`);

/** Submits the job and waits until it has printed its first lines. Returns its id. */
export async function startCounting(berth: Berth): Promise<string> {
  const id = await berth.submit({ name: "counting", command: ["sh", "-c", COUNTING], volumes: { counting: "/data" } });
  await until("the first lines", 30, async () => (await berth.logLines(id)).length >= 3);
  return id;
}

/** Waits for its end: every line once, one start, one attempt. */
export async function expectOneWholeRun(berth: Berth, id: string): Promise<void> {
  const job = await berth.waitFor(id, "failed", 90);
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 5 });
  expect(job.epoch).toBe(1);
  expect(await berth.logLines(id)).toEqual(EXPECTED);
  expect(await readFile(join(berth.dataDir, "volumes/counting/data/starts"), "utf8")).toBe("start\n");
}
