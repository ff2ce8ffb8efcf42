import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { native, temporaryFolder } from "./temporary-folder.ts";

test("a machine without the library has no GPUs, which is no error", async () => {
  expect(await native.nvml.query("libnvidia-ml-of-nobody.so.1")).toBeNull();
  expect(await native.nvml.query("/no/such/folder/libnvidia-ml.so.1")).toBeNull();
});

test("a library that is broken, or is something else, is an error", async () => {
  const broken = join(await temporaryFolder(), "libnvidia-ml.so.1");
  await writeFile(broken, "not a library");
  await expect(native.nvml.query(broken)).rejects.toMatchObject({ code: "ERR_DLOPEN_FAILED", path: broken });
  await expect(native.nvml.query("libm.so.6")).rejects.toMatchObject({ code: "NVML_13", syscall: "nvmlInit_v2" });
});
