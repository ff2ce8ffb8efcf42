import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtFiles, packageRoot, readCgroupLayout, runProgram } from "../../../src/node/platform/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const { cgroupV1View, crunCgroupV1 } = builtFiles(packageRoot());
const layout = await readCgroupLayout();

describe("cgroup v1 view", () => {
  test("the program sees no unified tree, everybody else still does", async () => {
    const before = await cgroupMounts();
    const { code, stdout } = await runProgram(cgroupV1View, ["/bin/cat", "/proc/self/mountinfo"]);
    expect(code).toBe(0);
    expect(stdout).not.toContain("/sys/fs/cgroup/unified");
    expect(await cgroupMounts()).toEqual(before);
  });

  test("passes arguments, environment and exit code through", async () => {
    const result = await runProgram(cgroupV1View, ["/bin/sh", "-c", 'echo "$0 $1 $X"; exit 7', "a b", "c"], { env: { X: "x" } });
    expect(result).toMatchObject({ code: 7, stdout: "a b c x\n" });
  });

  test("by its other name it is crun", async () => {
    const { stdout } = await runProgram(crunCgroupV1, ["--version"]);
    expect(stdout).toMatch(/^crun version/);
    const other = await runProgram(crunCgroupV1, ["hello"], { env: { BERTH_CRUN: "/bin/echo" } });
    expect(other.stdout).toBe("hello\n");
  });

  test("says what it cannot run", async () => {
    expect(await runProgram(cgroupV1View, ["/no/such/program"])).toMatchObject({
      code: 127,
      stderr: expect.stringContaining("/no/such/program"),
    });
    expect((await runProgram(cgroupV1View, [])).code).toBe(125);
  });

  test.skipIf(layout.mode === "v2")("crun starts a container in it, and the container's mounts arrive", async () => {
    const bundle = await temporaryFolder();
    await mkdir(join(bundle, "rootfs/view"), { recursive: true });
    await mkdir(join(bundle, "rootfs/dev"));
    await mkdir(join(bundle, "shared"));
    await copyFile(cgroupV1View, join(bundle, "shared/program"));
    await writeFile(join(bundle, "config.json"), JSON.stringify(config(join(bundle, "shared"))));
    const result = await runProgram(crunCgroupV1, ["--root", join(bundle, "state"), "run", "--bundle", bundle, `view-${process.pid}`]);
    // The only static program we have: without arguments it prints its usage.
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining("usage: cgroup-v1-view") });
    expect((await stat(join(bundle, "shared/program"))).isFile()).toBe(true);
  });
});

/** Other test files mount and unmount elsewhere meanwhile. */
async function cgroupMounts(): Promise<string[]> {
  return (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes("/sys/fs/cgroup"));
}

function config(shared: string) {
  return {
    ociVersion: "1.0.2",
    root: { path: "rootfs", readonly: true },
    process: { args: ["/view/program"], cwd: "/", user: { uid: 0, gid: 0 } },
    mounts: [{ destination: "/view", type: "bind", source: shared, options: ["bind", "ro"] }],
    linux: { namespaces: [{ type: "pid" }, { type: "mount" }], cgroupsPath: `/berth-test-view-${process.pid}` },
  };
}
