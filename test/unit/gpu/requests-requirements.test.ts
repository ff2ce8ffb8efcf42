import { describe, expect, it } from "vitest";
import { assertRequirements, evaluateRequirement, type RequirementFacts } from "../../../src/node/gpu/index.ts";
import { brandsOfModel, imageRequirements, parseRequirement } from "../../../src/shared/gpu-requirements/index.ts";

const FACTS: RequirementFacts = { cuda: "12.4", driver: "550.163.01", arch: "9.0", brands: ["nvidia", "tesla"], gpu: "GPU 0" };
const evaluate = (expression: string, facts: Partial<RequirementFacts> = {}) =>
  evaluateRequirement(parseRequirement("NVIDIA_REQUIRE_CUDA", expression), { ...FACTS, ...facts });
const holds = (expression: string, facts: Partial<RequirementFacts> = {}) => evaluate(expression, facts).holds;

describe("judging a requirement", () => {
  it.each<[string, boolean]>([
    ["cuda>=12.4", true],
    ["cuda>=12.4.0", true],
    ["cuda=12.4.0.0", true],
    ["cuda>12.4", false],
    ["cuda<=12.4", true],
    ["cuda<12.10", true],
    ["cuda!=12.4", false],
    ["cuda!=12.5", true],
    ["cuda>=99", false],
    ["driver>=550.163.1", true],
    ["driver>=550,driver<551", true],
    ["driver>=560", false],
    ["arch>=8.0", true],
    ["arch<9", false],
    ["CUDA>=12", true],
    ["brand=tesla", true],
    ["brand=Tesla", true],
    ["brand=geforce", false],
    ["brand!=geforce", true],
    ["cuda>=99 cuda>=12", true],
    ["cuda>=12,driver>=560", false],
    ["cuda>=99 brand=tesla,driver>=550,driver<551", true],
    ["cuda>=99 brand=geforce,driver>=550 driver<500", false],
    ["", true],
    ["  ,  ", true],
    ["cuda>=99 ,", false],
    [" cuda>=12 ", true],
    ["cuda>=12,,driver>=1", true],
  ])("%j: %s", (expression, expected) => {
    expect(holds(expression)).toBe(expected);
  });

  it("holds the expression of a real CUDA image against old and new drivers", () => {
    const expression = `cuda>=12.8 ${[470, 535, 550].flatMap((v) => ["unknown", "tesla", "nvidia"].map((b) => `brand=${b},driver>=${v},driver<${v + 1}`)).join(" ")}`;
    expect(holds(expression)).toBe(true);
    expect(holds(expression, { driver: "545.23" })).toBe(false);
    expect(holds(expression, { driver: "570.1", cuda: "12.8" })).toBe(true);
    expect(holds(expression, { brands: ["geforce"] })).toBe(false);
  });

  it("takes what NVML does not tell as given, as libnvidia-container does", () => {
    expect(holds("cuda>=99,brand=quadro,arch>=12", { cuda: null, arch: null, brands: [] })).toBe(true);
    expect(holds("cuda>=99,driver>=999", { cuda: null })).toBe(false);
  });

  it("says the whole expression and the rule that fails", () => {
    const expression = "cuda>=99 brand=tesla,driver>=560";
    expect(() => assertRequirements([evaluate("cuda>=12"), evaluate(expression)])).toThrow(
      expect.objectContaining({
        code: "gpu_requirement_unmet",
        message: `NVIDIA_REQUIRE_CUDA="${expression}" is not met by GPU 0: cuda>=99 (cuda is 12.4), driver>=560 (driver is 550.163.01)`,
      }),
    );
  });

  it("keeps the message short however long the expression is", () => {
    const result = evaluate(Array.from({ length: 900 }, (_, index) => `cuda>=${100 + index}`).join(" "));
    expect(() => assertRequirements([result])).toThrow(/and 896 more$/);
    expect(() => assertRequirements([result])).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,1000}$/) }));
  });
});

describe("where nvidia-container-cli (C) and nvidia-container-toolkit (Go) differ, Berth is as strict as the C one or stricter", () => {
  it.each<[string, string]>([
    ["an unknown property, which Go skips", "gpu>=1"],
    ["nothing but unknown properties, which Go lets pass", "foo=1 bar=2"],
    ["an unknown property beside one that holds", "cuda>=12,foo=1"],
    ["a malformed term behind one that holds, which C does not reach", "cuda>=12 foo=1"],
    ["an operator that there is not", "cuda=>12"],
    ["a doubled operator", "cuda==12.4"],
    ["half an operator, which C takes for !=", "brand!tesla"],
    ["no operator", "cuda"],
    ["no property", ">=12"],
    ["no value", "cuda>="],
    ["a value that is no version", "cuda>=twelve"],
    ["a version with a sign", "cuda>=-1"],
    ["a version with an empty part", "cuda>=12..4"],
    ["a number that is too large", "driver>=99999999999999999999"],
    ["an order of brands", "brand>=tesla"],
    ["a tab where a space is meant", "cuda>=12\tdriver>=1"],
  ])("refuses %s", (_what, expression) => {
    expect(() => parseRequirement("NVIDIA_REQUIRE_X", expression)).toThrow(
      expect.objectContaining({
        code: "gpu_request_invalid",
        message: expect.stringContaining(`NVIDIA_REQUIRE_X=${JSON.stringify(expression)}: `),
      }),
    );
  });
});

describe("collecting requirements from an environment", () => {
  it("takes every variable, all of which must hold, and leaves Jetson's out", () => {
    const env = { NVIDIA_REQUIRE_CUDA: "cuda>=12", NVIDIA_REQUIRE_A: "arch>=9", NVIDIA_REQUIRE_JETPACK: "csv-mounts=all", PATH: "/bin" };
    expect(imageRequirements(env).requirements.map(({ variable }) => variable)).toEqual(["NVIDIA_REQUIRE_A", "NVIDIA_REQUIRE_CUDA"]);
  });

  it.each(["1", "true", "T"])("asks nothing when NVIDIA_DISABLE_REQUIRE is %s, whatever is written", (value) => {
    expect(imageRequirements({ NVIDIA_REQUIRE_CUDA: "rubbish", NVIDIA_DISABLE_REQUIRE: value })).toEqual({
      requirements: [],
      disabled: true,
    });
  });

  it("goes on asking when it is false", () => {
    expect(imageRequirements({ NVIDIA_REQUIRE_CUDA: "cuda>=1", NVIDIA_DISABLE_REQUIRE: "0" }).requirements).toHaveLength(1);
  });

  it("asks CUDA_VERSION of images that say nothing newer", () => {
    const legacy = (version: string) => imageRequirements({ CUDA_VERSION: version }).requirements.map(({ expression }) => expression);
    expect(legacy("10.2.89")).toEqual(["cuda>=10.2"]);
    expect(legacy("8.0")).toEqual(["cuda>=8.0"]);
    expect(legacy("12")).toEqual(["cuda>=12.0"]);
    expect(legacy("cu118")).toEqual([]);
    expect(imageRequirements({ CUDA_VERSION: "99.0", NVIDIA_REQUIRE_CUDA: "" }).requirements.map(({ variable }) => variable)).toEqual([
      "NVIDIA_REQUIRE_CUDA",
    ]);
  });
});

it("knows the brands that a model's name allows", () => {
  expect(brandsOfModel("Tesla V100-SXM2-16GB")).toEqual(["tesla"]);
  expect(brandsOfModel("NVIDIA H100 80GB HBM3")).toEqual(["nvidia", "tesla"]);
  expect(brandsOfModel("NVIDIA GeForce RTX 4090")).toEqual(["geforce", "geforcertx"]);
  expect(brandsOfModel("Some Prototype")).toEqual([]);
});
