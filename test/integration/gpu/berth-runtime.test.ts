import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { evaluateRequirement, type HostState, type RequirementFacts } from "../../../src/node/gpu/index.ts";
import { parseRequirement } from "../../../src/shared/gpu-requirements/index.ts";
import { runs } from "../../support/property-runs.ts";
import { RUNTIME_WRAPPER_ASAN } from "./support/builds.ts";
import { exec, type Finished, must } from "./support/exec.ts";
import { outsideMachine } from "./support/outside-machine.ts";
import { tree } from "./support/rootfs.ts";

const outside = outsideMachine("docker");

describe("berth-runtime", () => {
  let bundle: string;

  beforeAll(async () => {
    bundle = join(outside.machine.folder, "bundle");
    await mkdir(bundle);
  });

  /** `echo` stands for the runtime, so that what it would have been given is seen. */
  async function call(settings: object, spec: unknown, ...args: string[]): Promise<Finished & { spec: string }> {
    const path = join(outside.machine.folder, "settings.json");
    const whole = {
      ...JSON.parse(await readFile(join(outside.prefix, "etc/berth/runtime.json"), "utf8")),
      runtime: "/bin/echo",
      refresh: [],
      ...settings,
    };
    await writeFile(path, JSON.stringify(whole), { mode: 0o644 });
    await writeFile(join(bundle, "config.json"), typeof spec === "string" ? spec : JSON.stringify(spec));
    const finished = await exec(RUNTIME_WRAPPER_ASAN, ["--berth-settings", path, ...args]);
    return { ...finished, spec: await readFile(join(bundle, "config.json"), "utf8") };
  }
  const asking = (devices: string) => ({ process: { env: [`NVIDIA_VISIBLE_DEVICES=${devices}`, "PATH=/bin"] }, linux: {} });

  it.each([
    [["--root", "/r", "start", "c"]],
    [["--systemd-cgroup", "delete", "--force", "create"]],
    [["list", "--version"]],
    [["--root", "create", "kill", "c", "9"]],
  ])("hands %j on as it is and edits nothing", async (args) => {
    const spec = asking("0");
    expect(await call({}, spec, ...args)).toEqual({ code: 0, stdout: `${args.join(" ")}\n`, stderr: "", spec: JSON.stringify(spec) });
  });

  it("edits the spec once however often the same bundle is created", async () => {
    const args = ["--root", "/r", "create", "--bundle", bundle, "c"];
    const first = await call({}, asking("2"), ...args);
    expect(first.stdout).toBe(`${args.join(" ")}\n`);
    const again = await call({}, first.spec, ...args);
    const { hooks, process } = JSON.parse(again.spec);
    expect(hooks.createRuntime).toHaveLength(1);
    expect(process.env.filter((entry: string) => entry.startsWith("NVIDIA_VISIBLE"))).toEqual([
      `NVIDIA_VISIBLE_DEVICES=${outside.machine.uuids[2]}`,
    ]);
    expect(process.env).toContain("PATH=/bin:/usr/local/nvidia/bin");
    expect(await tree(bundle)).toEqual(["config.json", "injection-plan.json"]);
  });

  it("leaves a container alone that asks for no GPU", async () => {
    const { code, spec } = await call({}, { process: {}, linux: {} }, "create", "-b", bundle, "c");
    expect([code, spec]).toEqual([0, '{"process":{},"linux":{}}']);
  });

  it.each([
    ["no JSON", "nonsense"],
    ["numbers in the environment", { process: { env: [1] } }],
    ["a list for an object", { process: [], annotations: 7 }],
  ])("refuses a spec with %s in one clear line", async (_what, spec) => {
    const { code, stderr } = await call({}, spec, "create", "-b", bundle, "c");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^berth-runtime: [^\n]+\n$/);
  });

  it("holds NVIDIA_REQUIRE_* exactly as the planner of Berth's own containers does", async () => {
    const [gpu] = (await outside.writeState()).devices;
    const facts = { cuda: "12.4", driver: "550.163.01", arch: gpu?.computeCapability ?? null, brands: gpu?.brands ?? [], gpu: "GPU" };
    const version = fc.constantFrom("12.4", "12", "12.4.0", "99", "550.163.01", "550.163", "9.0", "8", "1.x", "");
    const word = fc.tuple(
      fc.constantFrom("cuda", "driver", "ARCH", "brand", "gpu"),
      fc.constantFrom("=", "!=", ">=", "<", "==", ""),
      version,
    );
    const brand = fc.tuple(fc.constant("brand"), fc.constantFrom("=", "!="), fc.constantFrom("tesla", "NVIDIA", "geforce", "titan"));
    const rule = fc.oneof(word, brand).map((parts) => parts.join(""));
    const expression = fc.array(fc.tuple(rule, fc.constantFrom(" ", ",", "")), { maxLength: 4 }).map((parts) => parts.flat().join(""));
    await fc.assert(
      fc.asyncProperty(expression, async (text) => {
        const spec = { process: { env: ["NVIDIA_VISIBLE_DEVICES=0", `NVIDIA_REQUIRE_X=${text}`] }, linux: {} };
        expect((await call({}, spec, "create", "-b", bundle, "c")).code === 0).toBe(isMet(text, facts));
      }),
      { numRuns: runs(200) },
    );
  });

  it("refuses a host state of another driver, and has it made anew where it can", async () => {
    const version = join(outside.machine.driverRoot, "proc/driver/nvidia/version");
    const text = await readFile(version, "utf8");
    await writeFile(version, text.replace("550.163.01", "999.1"));
    const args = ["create", "-b", bundle, "c"];
    expect((await call({}, asking("0"), ...args)).stderr).toMatch(
      /is of another driver than the one that is loaded; `berth gpu host-state`/,
    );
    const state = join(outside.prefix, "run/berth/gpu-host-state.json");
    const made = { file: version, text: await readFile(version, "utf8") };
    await writeFile(`${state}.fresh`, JSON.stringify({ ...JSON.parse(await readFile(state, "utf8")), driver: made }));
    expect((await call({ refresh: ["/bin/cp", `${state}.fresh`, state] }, asking("0"), ...args)).code).toBe(0);
    await writeFile(version, text);
    await outside.writeState();
  });

  it("refuses a host state that others could have written, and a GPU that is not healthy", async () => {
    const state = join(outside.machine.folder, "state.json");
    const whole = JSON.parse(await readFile(join(outside.prefix, "run/berth/gpu-host-state.json"), "utf8")) as HostState;
    for (const device of whole.devices.slice(0, 1)) device.problem = "fell off the bus";
    await writeFile(state, JSON.stringify(whole));
    const args = ["create", "-b", bundle, "c"];
    expect((await call({ state }, asking("0"), ...args)).stderr).toBe("berth-runtime: GPU 0 is not handed out: fell off the bus\n");
    const all = JSON.parse((await call({ state }, asking("all"), ...args)).spec);
    expect(all.process.env).toContain(`NVIDIA_VISIBLE_DEVICES=${outside.machine.uuids.slice(1).join(",")}`);
    await must("chmod", ["666", state]);
    expect((await call({ state }, asking("0"), ...args)).stderr).toMatch(/is not a regular file that only its owner can write/);
  });
});

function isMet(expression: string, facts: RequirementFacts): boolean {
  try {
    return evaluateRequirement(parseRequirement("NVIDIA_REQUIRE_X", expression), facts).holds;
  } catch {
    return false;
  }
}
