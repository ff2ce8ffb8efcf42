import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { SERVICE_POLICY } from "../../../src/control/scheduler/index.ts";
import { partitionJobs, partitionNodes, type QueuePeer, reportOf, runPartition, runPeer } from "../../../src/control/simulator/index.ts";
import { isBerthError } from "../../../src/shared/domain/index.ts";

const traces = new URL("../../fixtures/traces/", import.meta.url);
const partitions = partitionJobs(gunzipSync(readFileSync(new URL("philly_3_partitions.csv.gz", traces))).toString());
const nodes = partitionNodes(readFileSync(new URL("philly_partition_nodes.csv", traces), "utf8"), "half");

const peer = (name: QueuePeer) => reportOf([...partitions].flatMap(([vc, jobs]) => runPeer(jobs, nodes.get(vc) ?? 0, name)));
const berth = () => reportOf([...partitions].flatMap(([vc, jobs]) => runPartition(jobs, nodes.get(vc) ?? 0, SERVICE_POLICY)));

describe("three partitions of Philly on half their nodes", () => {
  const ours = berth();

  test("every job ends, and the same run gives the same figures", () => {
    expect(ours.jobs).toBe(1767);
    expect(berth()).toEqual(ours);
  });

  test("knowing no duration, the service policy is within 12 % of the oracle that knows them all", () => {
    expect(ours.avgJct / peer("srtf-oracle").avgJct).toBeLessThanOrEqual(1.12);
  });

  test("it beats least attained service and FIFO with backfill in average completion time", () => {
    expect(ours.avgJct).toBeLessThan(peer("las").avgJct);
    expect(ours.avgJct).toBeLessThan(peer("fifo-backfill").avgJct);
  });

  test("nobody waits much longer than an hour for a first run, gangs over several nodes included", () => {
    expect(ours.gangs).toBeGreaterThan(0);
    expect(ours.maxWait).toBeLessThan(SERVICE_POLICY.firstRunAfterMs / 1000 + 600);
  });
});

describe("bad traces", () => {
  const header = "job_id,vc,submit_s,gpus,duration_s\n";
  test.each([
    ["a missing column", "job_id,vc,submit_s,gpus\n1,a,0,1", "no column 'duration_s'"],
    ["no number", `${header}1,a,0,one,5`, "'gpus' must be a number"],
    ["no GPUs", `${header}1,a,0,0,5`, "gpus must be at least 1"],
    ["a negative time", `${header}1,a,-3,1,5`, "times not below 0"],
  ])("%s is named", (_name, csv, text) => {
    const error = (() => {
      try {
        return partitionJobs(csv);
      } catch (caught) {
        return caught;
      }
    })();
    expect(isBerthError(error, "invalid_trace") && error.message).toContain(text);
  });

  test("a job of no length ends all the same, under every policy", () => {
    const jobs = partitionJobs(`${header}1,a,0,1,0\n2,a,0,8,0\n3,a,7,16,2.5`).get("a") ?? [];
    const ends = (["fifo", "sjf-oracle", "srtf-oracle", "las"] as const).map((name) => runPeer(jobs, 2, name).length);
    expect([...ends, runPartition(jobs, 2, SERVICE_POLICY).length]).toEqual([3, 3, 3, 3, 3]);
  });
});
