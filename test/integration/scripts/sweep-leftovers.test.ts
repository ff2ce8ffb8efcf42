import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../support/poll.ts";
import { processMarker } from "../../support/process-marker.ts";
import { isAlive } from "../../support/processes.ts";
import { sweepLeftovers } from "../../support/sweep-leftovers.ts";

let base: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "sweep-"));
  await mkdir(join(base, "host"));
  await writeFile(join(base, "host/canary"), "untouched");
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  expect(await readFile(join(base, "host/canary"), "utf8")).toBe("untouched");
  await rm(base, { recursive: true, force: true });
});

/** A test run that has mounted, bound a folder of the host, made a network namespace and started a process in the background. */
const RUN = `
mkdir -p "$TMPDIR/store/mounted" "$TMPDIR/store/bound"
mount -t tmpfs none "$TMPDIR/store/mounted" && mkdir "$TMPDIR/store/mounted/inner" && mount -t tmpfs none "$TMPDIR/store/mounted/inner"
mount --bind "$1" "$TMPDIR/store/bound"
ip netns add "$2"
setsid sh -c 'sleep 1000 & echo $!; wait' sh "$TMPDIR/store" &
wait`;

interface Killed {
  name: string;
  folder: string;
  network: string;
  background: number;
}

async function runThatIsKilled(): Promise<Killed> {
  // The shell learns its own name: a test run knows its pid and start time only once it runs.
  const script = `read marker; export TMPDIR="${base}/bth-$marker"; mkdir "$TMPDIR"; set -- "$1" "bth-$marker-hub"; ${RUN}`;
  const child = spawn("sh", ["-c", script, "sh", join(base, "host")], { stdio: ["pipe", "pipe", "inherit"] });
  started.push(child);
  const marker = await processMarker(child.pid ?? 0);
  child.stdin?.end(`${marker}\n`);
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  child.kill("SIGKILL");
  await once(child, "exit");
  const name = `bth-${marker}`;
  return { name, folder: join(base, name), network: `${name}-hub`, background: Number(said.toString()) };
}

test("what a killed test run left is taken away, and nothing of the host that was mounted into it", async () => {
  const { name, folder, network, background } = await runThatIsKilled();
  expect([isAlive(background), existsSync(`/run/netns/${network}`)]).toEqual([true, true]);
  expect(await readFile(join(folder, "store/bound/canary"), "utf8")).toBe("untouched");
  const taken = await sweepLeftovers(base);
  expect(taken).toEqual(expect.arrayContaining([name, network]));
  await until("its process to be gone", 60, () => !isAlive(background));
  expect([existsSync(folder), existsSync(`/run/netns/${network}`)]).toEqual([false, false]);
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(folder);
});

test("what a living run made, and what only looks like a run's folder, stays", async () => {
  const living = join(base, `bth-${await processMarker(process.pid)}`);
  const kept = [living, ...["bth", "bth-1", "bth-x-", "bth-Z9-Z9", "other-1-1", "xbth-1-1", "bth-1-1.old"].map((name) => join(base, name))];
  for (const folder of kept) await mkdir(folder);
  await writeFile(join(base, "bth-1-2"), "a file");
  await symlink(join(base, "host"), join(base, "bth-1-3"));
  const bystander = spawn("sleep", ["1000"], { env: { TMPDIR: join(base, "bth-1-4") } });
  started.push(bystander);
  await mkdir(join(base, "bth-1-4"));
  expect((await sweepLeftovers(base)).filter((name) => existsSync(join(base, name)))).toEqual([]);
  for (const path of [...kept, join(base, "bth-1-2"), join(base, "bth-1-3")]) expect(existsSync(path), path).toBe(true);
  expect([existsSync(join(base, "bth-1-4")), isAlive(bystander.pid ?? 0)]).toEqual([false, true]);
});
