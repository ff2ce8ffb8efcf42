import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take more than 15 s, longest first: begun last they would run alone at the end. Those that wait (for leases,
 * mirrors, restarts) stand beside those that compute, so that neither core idles.
 */
const LONG_FILES = [
  "test/integration/images/bootstrap.slow.test.ts",
  "test/integration/gpu/hook.test.ts",
  "test/integration/engine/recovery.test.ts",
  "test/e2e/crash-recovery.test.ts",
  "test/unit/jobs/simulation/simulation.test.ts",
  "test/e2e/restart.test.ts",
  "test/integration/agent/run-node.test.ts",
  "test/integration/gpu/outside.test.ts",
  "test/e2e/lease.test.ts",
  "test/integration/platform/sanitizers.test.ts",
  "test/e2e/gpu-health.test.ts",
  "test/integration/cli/up.test.ts",
  "test/integration/jobs/leader.test.ts",
  "test/e2e/digits-example.test.ts",
];

/** Vitest's own order (what it remembers of earlier runs, then size), the long files before all others. */
export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG_FILES.indexOf(relative(this.ctx.config.root, moduleId));
      return place === -1 ? LONG_FILES.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
