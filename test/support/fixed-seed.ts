import fc from "fast-check";
import { runs } from "./property-runs.ts";

/**
 * One seed for every property test, so that `npm test` says the same thing twice about the same code. Set BERTH_TEST_SEED to
 * look elsewhere (BERTH_TEST_SEED=$RANDOM npx vitest run --project unit), or let `npm run soak:properties` look everywhere.
 */
fc.configureGlobal({ seed: Number(process.env.BERTH_TEST_SEED ?? 20_261_121), numRuns: runs(100) });
