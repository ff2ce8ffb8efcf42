import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { killCgroup, listCgroupPids, readCgroupUsage, removeCgroup } from "../../../src/node/platform/index.ts";
import { until } from "../../support/poll.ts";
import { native } from "./temporary-folder.ts";
import { clock, exists, layout, makeCgroup, startIn } from "./test-cgroup.ts";

const MIB = 1024 * 1024;

describe("cgroups", () => {
  test("lists and kills what runs in a cgroup and below it, forks included, and nothing beside it", async () => {
    const { path, folders } = await makeCgroup("job-1");
    const other = await makeCgroup("job-2");
    const below = folders.slice(0, 1).map((folder) => `${folder}/below`);
    for (const folder of below) await mkdir(folder);
    const bystander = await startIn(other.folders.slice(0, 1));
    const forking = await startIn(folders.slice(0, 1), "while :; do sleep 600 & sleep 0.01; done");
    await startIn(below);
    await until("forks", 60, async () => (await listCgroupPids(layout, path)).length > 5);
    await killCgroup(layout, path, { native, clock, timeoutMs: 20_000 });
    expect(await forking.ended).toEqual([null, "SIGKILL"]);
    expect(await listCgroupPids(layout, path)).toEqual([]);
    expect(await listCgroupPids(layout, other.path)).toEqual([bystander.pid]);
  });

  test("removes the tree, twice without complaint", async () => {
    const { path, folders } = await makeCgroup("job-1");
    await mkdir(`${folders[0]}/below`);
    const process = await startIn(folders);
    await killCgroup(layout, path, { native, clock, timeoutMs: 20_000 });
    await process.ended;
    await removeCgroup(layout, path, { clock, timeoutMs: 20_000 });
    await removeCgroup(layout, path, { clock, timeoutMs: 20_000 });
    expect(await Promise.all(folders.map(exists))).not.toContain(true);
    expect(await readCgroupUsage(layout, path)).toBeNull();
  });

  test("a cgroup with a living process is busy, and says which", async () => {
    const { path, folders } = await makeCgroup("job-1");
    await startIn(folders);
    await expect(removeCgroup(layout, path, { clock, timeoutMs: 100 })).rejects.toThrow(/is busy/);
  });

  test("measures CPU time and the highest memory, and counts OOM kills", async () => {
    const { path, folders } = await makeCgroup("job-1");
    const limit = layout.mode === "v2" ? "memory.max" : "memory.limit_in_bytes";
    const memory = layout.mode === "v2" ? folders[0] : `${layout.controllers.memory}${path}`;
    await writeFile(`${memory}/${limit}`, String(32 * MIB));
    const hungry = await startIn(folders, "exec python3 -c 'x = bytearray(400 << 20)'");
    expect(await hungry.ended).toEqual([null, "SIGKILL"]);
    const usage = await readCgroupUsage(layout, path);
    expect(usage?.oomKills).toBeGreaterThan(0);
    expect(usage?.cpuSeconds).toBeGreaterThan(0);
    expect(usage?.peakMemoryBytes).toBeGreaterThan(16 * MIB);
    expect(usage?.peakMemoryBytes).toBeLessThanOrEqual(32 * MIB);
  });
});
