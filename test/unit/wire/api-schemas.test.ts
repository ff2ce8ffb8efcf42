import { Ajv } from "ajv";
import type { Static } from "typebox";
import { expect, it } from "vitest";
import type { Job, JobEvent, NodeRecord } from "../../../src/shared/domain/index.ts";
import * as wire from "../../../src/shared/wire/index.ts";

// Compile-time: whatever the domain holds must be what the API promises. A field added to one side only does not compile here.
const job = (value: Job): Static<typeof wire.JobSchema> => value;
const event = (value: JobEvent): Static<typeof wire.JobEventSchema> => value;
const node = (
  value: NodeRecord & { allocated: { gpuUuids: string[]; cpuMillis: number; memoryBytes: number } },
): Static<typeof wire.NodeSchema> => value;
const sameKeys: [
  Exclude<keyof Job, keyof Static<typeof wire.JobSchema>>,
  Exclude<keyof NodeRecord, keyof Static<typeof wire.NodeSchema>>,
] extends [never, never]
  ? true
  : false = true;

it("the schemas promise what the domain types hold", () => {
  expect([job, event, node].every((check) => typeof check === "function") && sameKeys).toBe(true);
});

const schemas = Object.entries(wire).filter(([name]) => name.endsWith("Schema"));

it.each(schemas)("%s is a JSON Schema that compiles strictly", (_name, schema) => {
  const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true });
  for (const shared of [wire.JobSchema, wire.JobEventSchema, wire.NodeSchema, wire.ProjectSchema, wire.ReservationSchema])
    if (shared !== schema) ajv.addSchema(shared);
  expect(typeof ajv.compile(schema as object)).toBe("function");
});

it("no pattern of a schema can be made slow by a long text", () => {
  const patterns = [...JSON.stringify(schemas.map(([, schema]) => schema)).matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g)].map(
    ([, text]) => JSON.parse(`"${text}"`) as string,
  );
  expect(patterns.length).toBeGreaterThan(5);
  const texts = ["a", "-", ".", "/", "a-", "=", "a=", "\0", "é"].map((unit) => `${unit.repeat(100_000)}!`);
  for (const pattern of patterns) {
    const expression = new RegExp(pattern, "u");
    // Linear work takes milliseconds; exponential work runs into the test's time limit.
    for (const text of texts) expression.test(text);
  }
});
