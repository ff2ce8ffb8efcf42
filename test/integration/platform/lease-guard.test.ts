import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  builtFiles,
  identifyProcess,
  isProcessAlive,
  packageRoot,
  retireLeaseGuard,
  startLeaseGuard,
  writeFileAtomically,
} from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { processes, runs } from "../../support/processes.ts";
import { native, temporaryFolder } from "./temporary-folder.ts";
import { exists, makeCgroup, startIn } from "./test-cgroup.ts";

const program = builtFiles(packageRoot()).leaseGuard;

async function makeLeases() {
  const folder = await temporaryFolder();
  const leasesDir = join(folder, "leases");
  const logFile = join(folder, "lease-guard.log");
  await mkdir(leasesDir);
  // The guard ends with its folder.
  onTestFinished(() => rm(leasesDir, { recursive: true, force: true }));
  return {
    leasesDir,
    guards: () => processes().filter((entry) => runs(entry, "lease-guard") && entry.args.includes(leasesDir)),
    log: () => readFile(logFile, "utf8"),
    start: () => startLeaseGuard({ program, leasesDir, logFile }),
    retire: () => retireLeaseGuard({ leasesDir, native, clock: systemClock() }),
    write: (id: string, deadline: number | string, folders: readonly string[]) =>
      writeFileAtomically(
        join(leasesDir, id),
        `${[typeof deadline === "number" ? Math.round(deadline) : deadline, ...folders].join("\n")}\n`,
      ),
    isMarked: (id: string) =>
      readFile(join(leasesDir, `${id}.expired`)).then(
        () => true,
        () => false,
      ),
  };
}

async function isAlive(pid: number): Promise<boolean> {
  return (await identifyProcess(pid)) !== null;
}

describe("lease guard", () => {
  test("told to retire it ends at once when no lease is left, and stays while there is one", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    await leases.write("job-1-1-0", native.bootTimeMs() + 600_000, folders);
    await leases.start();
    await leases.retire();
    expect(leases.guards()).toHaveLength(1);
    await rm(join(leases.leasesDir, "job-1-1-0"));
    await leases.retire();
    // It gives up its lock a moment before it ends; by itself it would stay for ten seconds.
    await until("the guard to be gone", 60, () => leases.guards().length === 0);
  });

  test("kills the processes of the lease that is over, marks it, and leaves the others alone", async () => {
    const leases = await makeLeases();
    const [over, valid] = [await makeCgroup("job-1-1-0"), await makeCgroup("job-2-1-0")];
    const killed = await startIn(over.folders, "sleep 600 & exec sleep 600");
    const kept = await startIn(valid.folders);
    await leases.write("job-1-1-0", native.bootTimeMs() + 300, over.folders);
    await leases.write("job-2-1-0", native.bootTimeMs() + 600_000, valid.folders);
    await leases.start();
    expect(await killed.ended).toEqual([null, "SIGKILL"]);
    expect(await leases.isMarked("job-1-1-0")).toBe(true);
    await until("the whole cgroup to be empty", 60, async () => (await readFile(`${over.folders[0]}/cgroup.procs`, "utf8")) === "");
    expect(await isAlive(kept.pid)).toBe(true);
    expect(await leases.isMarked("job-2-1-0")).toBe(false);
  });

  test("a renewed lease lives on; renewing stops, it dies", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    const container = await startIn(folders);
    await leases.write("job-1-1-0", native.bootTimeMs() + 60_000, folders);
    await leases.start();
    await leases.write("job-1-1-0", native.bootTimeMs() + 120_000, folders);
    expect(await isAlive(container.pid)).toBe(true);
    await leases.write("job-1-1-0", native.bootTimeMs() + 1, folders);
    expect(await container.ended).toEqual([null, "SIGKILL"]);
  });

  test("a lease renewed after its end stays over", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    await leases.write("job-1-1-0", 1, folders);
    await leases.start();
    await until("the mark", 60, () => leases.isMarked("job-1-1-0"));
    const late = await startIn(folders);
    await leases.write("job-1-1-0", native.bootTimeMs() + 600_000, folders);
    expect(await late.ended).toEqual([null, "SIGKILL"]);
  });

  test("survives whoever started it, killed with its whole process group", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    const container = await startIn(folders);
    await leases.write("job-1-1-0", native.bootTimeMs() + 600_000, folders);
    const parent = spawn("sh", ["-c", '"$1" "$2"; echo started; sleep 600', "sh", program, leases.leasesDir], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(parent.stdout, "data");
    // The shell names the program and the folder too: it is not taken for the guard.
    expect(leases.guards()).toHaveLength(1);
    process.kill(-(parent.pid as number), "SIGKILL");
    await once(parent, "exit");
    expect(leases.guards()).toHaveLength(1);
    await leases.write("job-1-1-0", native.bootTimeMs() + 1, folders);
    expect(await container.ended).toEqual([null, "SIGKILL"]);
  });

  test("there is one for each folder, however often it is started", async () => {
    const leases = await makeLeases();
    await leases.write("job-1-1-0", native.bootTimeMs() + 600_000, []);
    await Promise.all([leases.start(), leases.start(), leases.start(), leases.start()]);
    await leases.start();
    expect(leases.guards()).toHaveLength(1);
  });

  test("a damaged lease kills nothing and is complained about", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    const container = await startIn(folders);
    await leases.write("job-1-1-0", "soon", folders);
    await leases.write("job-9-1-0", 1, [...folders, "/sys/fs/cgroup", "/", "/sys/fs/cgroup/../..", "relative", "/tmp/job-9-1-0"]);
    await leases.start();
    await until(
      "complaints",
      60,
      async () => /job-1-1-0: no deadline/.test(await leases.log()) && /job-9-1-0: not a cgroup/.test(await leases.log()),
    );
    expect(await isAlive(container.pid)).toBe(true);
    await leases.write("job-1-1-0", 1, folders);
    expect(await container.ended).toEqual([null, "SIGKILL"]);
  });

  test("kills a whole cgroup that only the unified tree has, forks included", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    // On a v1 machine the last folder stands for itself: one hierarchy is enough.
    const only = folders.slice(-1);
    const container = await startIn(only, "while :; do sleep 600 & sleep 0.01; done");
    await leases.write("job-1-1-0", native.bootTimeMs() + 200, only);
    await leases.start();
    expect(await container.ended).toEqual([null, "SIGKILL"]);
    await until("the whole cgroup to be empty", 60, async () => (await readFile(`${only[0]}/cgroup.procs`, "utf8")) === "");
  });

  test("kills what is frozen", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    const container = await startIn(folders);
    const freezer = folders.find((folder) => folder.includes("/freezer/"));
    if (freezer !== undefined) await writeFile(`${freezer}/freezer.state`, "FROZEN");
    else await writeFile(`${folders[0]}/cgroup.freeze`, "1");
    await leases.write("job-1-1-0", 1, folders);
    await leases.start();
    expect(await container.ended).toEqual([null, "SIGKILL"]);
  });

  test("ends by itself when for a while there has been no lease, or only such as it has enforced", async () => {
    const [none, enforced] = [await makeLeases(), await makeLeases()];
    const { folders } = await makeCgroup("job-1-1-0");
    const container = await startIn(folders);
    await enforced.write("job-1-1-0", 1, folders);
    const ended = async ({ guards, start }: typeof none) => {
      await start();
      const identity = await identifyProcess(guards()[0]?.pid as number);
      await until("the guard to end", 40, async () => identity !== null && !(await isProcessAlive(identity)));
    };
    await Promise.all([ended(none), ended(enforced)]);
    expect(await container.ended).toEqual([null, "SIGKILL"]);
    // Whoever comes back finds the reason, and a guard that still enforces it.
    expect(await enforced.isMarked("job-1-1-0")).toBe(true);
    const late = await startIn(folders);
    await enforced.start();
    expect(await late.ended).toEqual([null, "SIGKILL"]);
    await none.write("job-1-1-0", native.bootTimeMs() + 600_000, []);
    await none.start();
    expect(none.guards()).toHaveLength(1);
  });

  test("looks into an enforced lease's cgroup once more before it ends, and kills what came there late", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-1-1-0");
    await leases.write("job-1-1-0", 1, folders);
    await leases.start();
    await until("the mark", 60, () => leases.isMarked("job-1-1-0"));
    const late = await startIn(folders);
    await leases.retire();
    expect(await late.ended).toEqual([null, "SIGKILL"]);
  });

  test("stays while it cannot tell whether a container is alive", async () => {
    const leases = await makeLeases();
    const { folders } = await makeCgroup("job-2-1-0");
    const container = await startIn(folders);
    await leases.write("job-1-1-0", 1, folders);
    await leases.start();
    await until("the complaint", 60, async () => /job-1-1-0: not a cgroup/.test(await leases.log()));
    await leases.retire();
    expect(leases.guards()).toHaveLength(1);
    expect(await isAlive(container.pid)).toBe(true);
  });

  test("a folder that does not exist is an error to whoever starts it", async () => {
    const leases = await makeLeases();
    await rm(leases.leasesDir, { recursive: true });
    await expect(leases.start()).rejects.toThrow(/did not start/);
    expect(await leases.log()).toContain("No such file or directory");
    expect(await exists(leases.leasesDir)).toBe(false);
  });
});
