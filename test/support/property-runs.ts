/** Runs of a property: `usual` in `npm test`, BERTH_TEST_RUNS times as many in `npm run soak:properties`. */
export function runs(usual: number): number {
  return Math.ceil(usual * Number(process.env.BERTH_TEST_RUNS ?? 1));
}
