import { dispatchPart } from "./dispatch.ts";
import { muriPart } from "./muri.ts";
import { type BenchPart, publish } from "./part.ts";
import { placementPart } from "./placement.ts";
import { queueingPart } from "./queueing.ts";
import { scalePart } from "./scale.ts";

/** Add a part here: it measures, and gives its rows and its section of RESULTS.md. */
const PARTS: Record<string, () => Promise<BenchPart>> = {
  placement: placementPart,
  muri: muriPart,
  queueing: queueingPart,
  scale: scalePart,
  dispatch: dispatchPart,
};

const wanted = process.env.BENCH_PARTS?.split(",") ?? Object.keys(PARTS);
for (const name of wanted) {
  const measure = PARTS[name];
  if (measure === undefined) throw new Error(`no such part: ${name} (there are: ${Object.keys(PARTS).join(", ")})`);
  publish(await measure());
}
