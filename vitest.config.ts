import { defineConfig } from "vitest/config";
import { LongFilesFirst } from "./test/support/long-files-first.ts";

const common = {
  environment: "node" as const,
  pool: "forks" as const,
  setupFiles: ["test/support/fixed-seed.ts"],
  expect: { poll: { timeout: 30_000 } },
};

/** Bounds that end a broken run, of tests that take seconds on a quiet machine and minutes on one that is in use. */
const PATIENT = { testTimeout: 120_000, hookTimeout: 600_000 };

export default defineConfig({
  test: {
    // One more than two cores: integration and e2e files wait much of their time, for leases, restarts, mirrors.
    // Every file has folders, ports, cgroups and networks of its own.
    maxWorkers: 3,
    globalSetup: "test/support/run-folder.ts",
    sequence: { sequencer: LongFilesFirst },
    projects: [
      // The bound ends a broken run; property tests and simulations take seconds on a busy machine.
      { test: { ...common, name: "unit", include: ["test/unit/**/*.test.ts", "test/cluster/**/*.test.ts"], testTimeout: 300_000 } },
      { test: { ...common, name: "contract", include: ["test/contract/**/*.test.ts"], ...PATIENT } },
      {
        test: {
          ...common,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["**/*.slow.test.ts"],
          ...PATIENT,
        },
      },
      // Downloads 100 MB of other distributions' engines: only where it is asked for.
      ...(process.env["BERTH_TEST_ENGINES"] === undefined
        ? []
        : [
            {
              test: {
                ...common,
                name: "engines",
                include: ["test/engines/**/*.test.ts"],
                fileParallelism: false,
                ...PATIENT,
              },
            },
          ]),
      { test: { ...common, name: "gpu", include: ["test/gpu/**/*.test.ts"], ...PATIENT } },
      {
        test: {
          ...common,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/integration/**/*.slow.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
