import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exists } from "../../../src/node/platform/index.ts";

test("what is missing is told from what cannot be looked at", async () => {
  const folder = await mkdtemp("/tmp/berth-exists-");
  try {
    await writeFile(join(folder, "file"), "");
    await symlink("loop", join(folder, "loop"));
    await symlink("nowhere", join(folder, "dangling"));
    const found = ["file", "none", "file/below", "dangling"].map((name) => exists(join(folder, name)));
    expect(await Promise.all(found)).toEqual([true, false, false, false]);
    await expect(exists(join(folder, "loop"))).rejects.toMatchObject({ code: "ELOOP" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
