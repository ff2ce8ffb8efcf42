import { afterEach, beforeEach, describe, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { expectOneWholeRun, startCounting } from "../support/counting-job.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";
import { isAlive } from "../support/processes.ts";

let berth: Berth;

beforeEach(async () => {
  berth = await Berth.start();
  await loadTinyImage(berth);
});
afterEach(() => berth?.dispose());

describe.each(["agent", "control-plane", "redis-server"] as const)("kill -9 of the %s while a job runs", (name) => {
  test("loses no line, no exit code, and runs nothing twice", async () => {
    const id = await startCounting(berth);
    const pid = berth.childPid(name);
    process.kill(pid, "SIGKILL");
    await until(`a new ${name}`, 60, () => !isAlive(pid) && berth.childPid(name) !== pid);
    await expectOneWholeRun(berth, id);
  });
});
