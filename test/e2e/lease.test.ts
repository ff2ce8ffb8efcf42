import { afterEach, beforeEach, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

let berth: Berth;

beforeEach(async () => {
  berth = await Berth.start({ leaseSeconds: 5 });
  await loadTinyImage(berth);
});
afterEach(() => berth?.dispose());

test("a stopped agent cannot keep a container past its lease: the guard ends it and the job runs again with a higher epoch", async () => {
  const id = await berth.submit({ name: "fenced", command: ["sh", "-c", "echo started; sleep 60"], stopGrace: "1s" });
  await until("the program to start", 60, async () => (await berth.logLines(id)).includes("started"));
  const agent = berth.childPid("agent");
  process.kill(agent, "SIGSTOP");
  try {
    await until("the job to leave its first attempt", 60, async () => {
      const job = await berth.job(id);
      return job.state === "pending" || job.epoch > 1;
    });
  } finally {
    process.kill(agent, "SIGCONT");
  }
  const again = await until("a second attempt", 60, async () => {
    const job = await berth.job(id);
    return job.epoch > 1 && job.state === "running" ? job : null;
  });
  expect(again.retriesUsed).toBe(0);
});
