import fc from "fast-check";
import { expect, test } from "vitest";
import type { NvmlGpu, NvmlReport } from "../../../src/node/platform/index.ts";
import { nvmlGpu, nvmlReport, scriptedNvml } from "../../support/nvml-answers.ts";
import { runs } from "../../support/property-runs.ts";
import { inventoryOver } from "./inventory-over.ts";

/** A machine of up to five slots; a card may be missing, lost, swapped for another, or named twice by a driver that errs. */
const card = fc.record({ slot: fc.nat(4), name: fc.nat(6), lost: fc.boolean(), silent: fc.boolean() });
interface Card {
  slot: number;
  name: number;
  lost: boolean;
  silent: boolean;
}
type Look = Card[] | "hangs" | "no driver";
const look: fc.Arbitrary<Look> = fc.oneof(
  { weight: 8, arbitrary: fc.uniqueArray(card, { selector: ({ slot }) => slot, maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constant("hangs" as const) },
  { weight: 1, arbitrary: fc.constant("no driver" as const) },
);

function answerOf(seen: Look): NvmlReport | null {
  if (seen === "hangs") throw new Error("hangs");
  if (seen === "no driver") return null;
  const gpus = seen.map(({ slot, name, lost, silent }, index): NvmlGpu => {
    const uuid = lost && silent ? "" : `GPU-${name}`;
    return nvmlGpu(index, { uuid, pciBusId: lost && silent ? "" : `SLOT-${slot}`, error: lost ? "GPU is lost" : null });
  });
  return nvmlReport(...gpus);
}

test("whatever the driver tells, no GPU is forgotten or named twice, and a healthy one answers, alone in its slot", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(look, { minLength: 1, maxLength: 8 }), async (looks) => {
      const nvml = scriptedNvml(looks.map((seen) => async () => answerOf(seen)));
      const inventory = inventoryOver(nvml);
      for (const seen of looks) {
        const cards = Array.isArray(seen) ? seen : [];
        const { gpus } = await inventory.read();
        const names = gpus.map(({ uuid }) => uuid);
        expect(new Set(names).size).toBe(names.length);
        for (const gpu of gpus.filter(({ healthy }) => healthy)) {
          expect(cards.some(({ slot, name, lost }) => !lost && gpu.uuid === `GPU-${name}` && gpu.pciBusId === `SLOT-${slot}`)).toBe(true);
          expect(gpu.problem).toBeNull();
          expect(gpus.filter(({ pciBusId }) => pciBusId === gpu.pciBusId)).toHaveLength(1);
        }
        for (const gpu of gpus.filter(({ healthy }) => !healthy)) expect(gpu.problem).not.toBeNull();
      }
      const last = (await inventory.read()).gpus.map(({ uuid }) => uuid);
      const first = looks[0];
      const told = Array.isArray(first) ? first.filter(({ lost, silent }) => !(lost && silent)) : [];
      for (const { name } of told) expect(last).toContain(`GPU-${name}`);
    }),
    { numRuns: runs(300) },
  );
});
