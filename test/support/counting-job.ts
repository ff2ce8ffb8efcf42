import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Berth } from "./berth.ts";
import { until } from "./poll.ts";

/** Prints a line every 0.2 s until it is told to end, 20 at least, and notes each start: running twice would show. */
const COUNTING = `echo start >> /data/starts; i=0
until [ -e /data/end ] && [ $i -ge 20 ]; do i=$((i+1)); echo line $i; sleep 0.2; done
echo $i > /data/lines; exit 5`;

/** Submits the job and waits until it has printed its first lines. It runs until `expectOneWholeRun`. Returns its id. */
export async function startCounting(berth: Berth): Promise<string> {
  const id = await berth.submit({ name: "counting", command: ["sh", "-c", COUNTING], volumes: { counting: "/data" } });
  await until("the first lines", 60, async () => (await berth.logLines(id)).length >= 3);
  return id;
}

/** Tells it to end and waits for that: every line once, one start, one attempt. */
export async function expectOneWholeRun(berth: Berth, id: string): Promise<void> {
  const data = join(berth.dataDir, "volumes/counting/data");
  await writeFile(join(data, "end"), "");
  const job = await berth.waitFor(id, "failed", 90);
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 5 });
  expect(job.epoch).toBe(1);
  const lines = Number(await readFile(join(data, "lines"), "utf8"));
  expect(await berth.logLines(id)).toEqual(Array.from({ length: lines }, (_, index) => `line ${index + 1}`));
  expect(await readFile(join(data, "starts"), "utf8")).toBe("start\n");
}
