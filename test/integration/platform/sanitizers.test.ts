import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { packageRoot, runProgram, SYSTEM_PATH } from "../../../src/node/platform/index.ts";

const fake = join(packageRoot(), "test/support/fake-nvidia/build");
const build = join(packageRoot(), "native/build-asan");
const PATH = `${process.execPath.replace(/\/node$/, "")}:${SYSTEM_PATH}`;
const sanitizerOptions = {
  ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:exitcode=99",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

/** The same tests once more, with an addon and a lease guard that stop at the first bad access or undefined behaviour. */
describe("under address and undefined-behaviour sanitizers", () => {
  beforeAll(async () => {
    const built = await runProgram("bash", [join(packageRoot(), "scripts/build-native.sh")], { env: { PATH, SANITIZE: "1" } });
    expect(built).toMatchObject({ code: 0 });
  });

  test("the addon's calls and the lease guard are clean", async () => {
    const libasan = (await runProgram("g++", ["-print-file-name=libasan.so"])).stdout.trim();
    const stdcxx = (await runProgram("g++", ["-print-file-name=libstdc++.so"])).stdout.trim();
    const result = await runProgram(process.execPath, [join(import.meta.dirname, "sanitized-calls.mjs"), build, fake], {
      env: { PATH, LD_PRELOAD: `${libasan}:${stdcxx}`, ...sanitizerOptions },
      timeoutMs: 600_000,
    });
    expect(result.stderr).not.toMatch(/AddressSanitizer|runtime error/);
    expect(result).toMatchObject({ code: 0, stdout: "clean\n" });
  });

  test("the sanitizers are really there", async () => {
    expect(await readFile(join(build, "lease-guard"), "latin1")).toContain("__asan_init");
    expect(await readFile(join(build, "berth.node"), "latin1")).toContain("__asan_init");
  });
});
