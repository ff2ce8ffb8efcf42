import { describe, expect, test } from "vitest";
import { MURI_POLICIES, muriJobs, runMuri } from "../../../src/control/simulator/index.ts";
import { traceTable, traceText } from "../../support/traces.ts";

const PUBLISHED_NAMES = { srtf: "SRTF", srsf: "SRSF", las: "Tiresias_L" };

describe("the queueing simulator reproduces what Muri published (SIGCOMM'22, figures 9 and 10)", () => {
  describe.each(["trace1", "trace1_pr", "trace3", "trace3_pr"])("%s", (trace) => {
    test.each(MURI_POLICIES)("average JCT, p99 and makespan of %s to four digits", (policy) => {
      const row = traceTable("muri_published.csv").find((entry) => entry["trace"] === trace && entry["policy"] === PUBLISHED_NAMES[policy]);
      const result = runMuri(muriJobs(traceText(`muri_${trace}.csv.gz`)), policy);
      expect(result.averageJct / Number(row?.["avg_jct_s"])).toBeCloseTo(1, 4);
      expect(result.p99Jct / Number(row?.["p99_jct_s"])).toBeCloseTo(1, 4);
      expect(result.makespan / Number(row?.["makespan_s"])).toBeCloseTo(1, 4);
    });
  });
});
