import fc from "fast-check";
import { expect, it } from "vitest";
import {
  choiceOf,
  evaluateRequirement,
  parseDriverCapabilities,
  parseGpusOption,
  parseImexChannels,
  readGpuRequest,
} from "../../../src/node/gpu/index.ts";
import { isBerthError } from "../../../src/shared/domain/index.ts";
import { parseRequirement } from "../../../src/shared/gpu-requirements/index.ts";
import { runs } from "../../support/property-runs.ts";

const RUNS = { numRuns: runs(3000) };

/** Text near the grammar: pieces of it in any order, and any characters between. */
function near(...pieces: string[]): fc.Arbitrary<string> {
  const part = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
  );
  return fc.array(part, { maxLength: 24 }).map((parts) => parts.join(""));
}

/** The value, or undefined for a refusal; anything but a BerthError is a bug. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (isBerthError(error)) return undefined;
    throw error;
  }
}

const REQUIREMENT = near("cuda", "driver", "arch", "brand", "=", "!=", "<", "<=", ">", ">=", "12.4", "550", ".", " ", ",", "tesla", "0");
const DEVICES = near(
  "all",
  "none",
  "void",
  "0",
  "7",
  ":",
  ",",
  " ",
  "GPU-",
  "MIG-",
  "5ec0ffee-0000",
  "nvidia.com/gpu=",
  "0000:3b:00.0",
  "/",
);
const GPUS = near("device=", "count=", "capabilities=", "driver=", '"', ",", "all", "0", "1", "GPU-5ec0ffee", "utility", "=", "nvidia");

it("reads or refuses any requirement, and reading what it has read comes to the same", () => {
  fc.assert(
    fc.property(REQUIREMENT, (text) => {
      const read = attempt(() => parseRequirement("X", text));
      if (!read) return;
      const again = read.terms.map((rules) => rules.map((rule) => `${rule.property}${rule.comparison}${rule.value}`).join(",")).join(" ");
      const facts = { cuda: "12.4", driver: "550.1", arch: "9.0", brands: ["tesla"], gpu: "g" };
      expect(evaluateRequirement(parseRequirement("X", again), facts).holds).toBe(evaluateRequirement(read, facts).holds);
    }),
    RUNS,
  );
});

it("never lets a term more make a requirement fail, nor a rule more make it hold", () => {
  const rule = fc.constantFrom("cuda>=12", "cuda>=99", "driver<551", "driver>=560", "arch=9.0", "brand=tesla", "brand!=tesla");
  const terms = fc.array(fc.array(rule, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
  const facts = { cuda: "12.4", driver: "550.1", arch: "9.0", brands: ["tesla"], gpu: "g" };
  const holds = (list: string[][]) =>
    evaluateRequirement(parseRequirement("X", list.map((rules) => rules.join(",")).join(" ")), facts).holds;
  fc.assert(
    fc.property(terms, rule, (list, extra) => {
      if (holds(list)) expect(holds([...list, [extra]])).toBe(true);
      else expect(holds(list.map((rules) => [...rules, extra]))).toBe(false);
    }),
    RUNS,
  );
});

it("reads or refuses any list of devices, and void anywhere in it wins", () => {
  fc.assert(
    fc.property(DEVICES, (text) => {
      attempt(() => choiceOf(text.split(",")));
      expect(choiceOf([...text.split(","), "void"]).kind).toBe("void");
    }),
    RUNS,
  );
});

it("reads or refuses any --gpus", () => {
  fc.assert(
    fc.property(GPUS, (text) => void attempt(() => parseGpusOption(text))),
    RUNS,
  );
});

it("reads or refuses any environment, and never lets a job's widen its assignment", () => {
  const name = fc.constantFrom(
    ...["VISIBLE_DEVICES", "DRIVER_CAPABILITIES", "REQUIRE_CUDA", "DISABLE_REQUIRE", "IMEX_CHANNELS", "GDS", "MIG_CONFIG_DEVICES"].map(
      (end) => `NVIDIA_${end}`,
    ),
    "CUDA_VERSION",
    "__proto__",
  );
  const value = fc.oneof(REQUIREMENT, DEVICES, fc.constantFrom("enabled", "true", "all", "utility", "10.2"));
  fc.assert(
    fc.property(fc.dictionary(name, value), (env) => {
      const request = attempt(() => readGpuRequest(env));
      if (request) expect([request.extras, request.imexChannels]).toEqual([[], []]);
    }),
    RUNS,
  );
});

it("takes no longer than the length for the longest values there may be", () => {
  // A parser that backtracks takes minutes over these: the test's own time limit is the bound.
  const longest = 16_384;
  for (const piece of ["=", ">", "cuda>=", "cuda>=1.", "1", " ", ",", "a", '"', '""', "cuda>=1 ", "-", "GPU-0", "0:", "nvidia.com/gpu=0"]) {
    const text = piece.repeat(Math.floor(longest / piece.length));
    for (const parse of [parseGpusOption, parseDriverCapabilities, parseImexChannels]) attempt(() => parse(text));
    attempt(() => parseRequirement("X", text));
    attempt(() => readGpuRequest({ CUDA_VERSION: text }));
  }
});
