import { describe, expect, test } from "vitest";
import { createMemoryStores, createNodeSync, patchControls } from "../../../src/control/jobs/index.ts";
import type { NodeControls } from "../../../src/shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION, type DiagnosticResult } from "../../../src/shared/wire/index.ts";
import { factsOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;
const GPU = "GPU-a-0";

/** A node with one GPU in quarantine since T, and a clock that is moved by hand. */
async function quarantined(diagnoseAfterSeconds?: number) {
  const stores = createMemoryStores();
  let now = T;
  let sentAt = 0;
  const woken: string[] = [];
  const clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
  const { sync } = createNodeSync({
    ...{ store: stores.jobs, nodes: stores.nodes, clock, nudgeNode: () => {}, wakeScheduler: (why) => void woken.push(why) },
    ...(diagnoseAfterSeconds === undefined ? {} : { diagnoseAfterSeconds }),
  });
  const say = async (minutesLater: number, diagnostics?: DiagnosticResult[]) => {
    now += minutesLater * MINUTE;
    sentAt += 1;
    const common = { protocol: AGENT_PROTOCOL_VERSION, nodeId: "a", incarnation: "i", bootId: "b", sentAt, address: "10.0.0.1" };
    const answer = await sync({ ...common, facts: factsOf("a", 2), replicas: [], ...(diagnostics === undefined ? {} : { diagnostics }) });
    return answer.diagnose;
  };
  await stores.nodes.join("a", T);
  await say(0);
  const charge = { gpuUuid: GPU, why: "x", at: T, jobId: "1" };
  const quarantine = async () =>
    void (await stores.nodes.control("a", (before) => ({
      ...before,
      charges: [charge, { ...charge, gpuUuid: null }],
      quarantines: [{ gpuUuid: GPU, reason: "3 failures of 2 jobs", since: now }],
    })));
  await quarantine();
  const controls = async () => (await stores.nodes.get("a"))?.controls as NodeControls;
  return { say, controls, quarantine, stores, woken, now: () => now };
}

describe("a GPU in quarantine", () => {
  test("is looked at after a while and given back when nothing speaks against it, with a clean account", async () => {
    const { say, controls, woken } = await quarantined();
    expect(await say(9)).toBeUndefined();
    const request = { gpuUuid: GPU, since: T, attempt: 1 };
    expect(await say(1)).toEqual([request]);
    expect(await say(0)).toEqual([request]);
    expect(await say(1, [{ ...request, failure: null }])).toBeUndefined();
    expect(await controls()).toMatchObject({ quarantines: [], charges: [{ gpuUuid: null }], releases: [{ gpuUuid: GPU, times: 1 }] });
    expect(woken).toContain("a quarantine on a is over");
  });

  test("stays and says why when the diagnostic fails, and is looked at again after twice the time", async () => {
    const { say, controls } = await quarantined();
    const [request] = (await say(10)) ?? [];
    const failed = { ...(request as DiagnosticResult), failure: "XID 79 came" };
    expect(await say(0, [failed])).toBeUndefined();
    expect((await controls()).quarantines).toEqual([
      { gpuUuid: GPU, reason: "3 failures of 2 jobs", since: T, diagnostic: { failures: 1, at: T + 10 * MINUTE, failure: "XID 79 came" } },
    ]);
    expect(await say(1, [failed])).toBeUndefined();
    expect((await controls()).quarantines[0]?.diagnostic?.failures).toBe(1);
    expect(await say(18)).toBeUndefined();
    expect(await say(1)).toMatchObject([{ attempt: 2 }]);
  });

  test("waits longer each time it comes back within a week, and an operator's release begins anew", async () => {
    const { say, controls, quarantine, stores, now } = await quarantined();
    for (const minutes of [10, 20, 40]) {
      expect(await say(minutes - 1)).toBeUndefined();
      const [request] = (await say(1)) ?? [];
      await say(0, [{ ...(request as DiagnosticResult), failure: null }]);
      await say(60);
      await quarantine();
    }
    expect((await controls()).releases).toMatchObject([{ times: 3 }]);
    await stores.nodes.control("a", (before) => patchControls(before, { release: true }));
    await quarantine();
    expect(now()).toBeGreaterThan(T);
    expect(await say(10)).toHaveLength(1);
  });

  test("is left to the operator when diagnostics are off", async () => {
    const { say } = await quarantined(0);
    expect(await say(10_000)).toBeUndefined();
  });

  test("is not given back by what was found out about an earlier quarantine", async () => {
    const { say, controls } = await quarantined();
    await say(10, [{ gpuUuid: GPU, since: T - 1, attempt: 1, failure: null }]);
    await say(0, [{ gpuUuid: "GPU-other", since: T, attempt: 1, failure: null }]);
    expect((await controls()).quarantines).toHaveLength(1);
  });
});
