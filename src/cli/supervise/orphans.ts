import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBootId } from "../../node/platform/index.ts";
import { BerthError, type Clock } from "../../shared/domain/index.ts";
import { type ProcessEntry, readProcess } from "./process-table.ts";

/** Written for every child, so that the next supervisor knows it when this one was killed. */
export interface ChildRecord {
  name: string;
  pid: number;
  startTicks: string;
  bootId: string;
  /** A part of the command line that only this child has. */
  commandMark: string;
}

/**
 * Which recorded children still live. A pid alone proves nothing: the start time, the boot and the command line must be the
 * recorded ones too, or some other process would be ended that got the number since. Pure.
 */
export function decideOrphans(records: readonly ChildRecord[], living: ReadonlyMap<number, ProcessEntry>, boot: string): ChildRecord[] {
  return records.filter((record) => {
    const process = living.get(record.pid);
    return (
      process !== undefined &&
      record.bootId === boot &&
      record.startTicks === process.startTicks &&
      process.commandLine.includes(record.commandMark)
    );
  });
}

/** So that the next `berth up` finds it after a kill -9 of this one. */
export async function recordChild(pidDir: string, name: string, pid: number, commandMark: string): Promise<void> {
  const process = await readProcess(pid);
  if (process === null) return;
  const record: ChildRecord = { name, pid, startTicks: process.startTicks, bootId: await readBootId(), commandMark };
  await mkdir(pidDir, { recursive: true, mode: 0o700 });
  await writeFile(join(pidDir, `${name}.json`), JSON.stringify(record), { mode: 0o600 });
}

/** For a child that has ended: its pid may soon be somebody else's. */
export async function forgetChild(pidDir: string, name: string): Promise<void> {
  await rm(join(pidDir, `${name}.json`), { force: true });
}

interface Ender {
  signalProcess(pid: number, startTimeTicks: string, signal: number): boolean;
}

const SIGTERM = 15;
const SIGKILL = 9;
const GRACE_MS = 10_000;

/** Ends what a killed supervisor left behind. Call it with the data dir locked. Returns the names. */
export async function endOrphans(pidDir: string, native: Ender, clock: Clock): Promise<string[]> {
  const records = await readRecords(pidDir);
  const living = new Map(
    (await Promise.all(records.map((record) => readProcess(record.pid)))).flatMap((entry) => (entry ? [[entry.pid, entry] as const] : [])),
  );
  const orphans = decideOrphans(records, living, await readBootId());
  await Promise.all(orphans.map((orphan) => endOne(orphan, native, clock)));
  await Promise.all(records.map((record) => forgetChild(pidDir, record.name)));
  return orphans.map((orphan) => orphan.name);
}

async function endOne(orphan: ChildRecord, native: Ender, clock: Clock): Promise<void> {
  for (const signal of [SIGTERM, SIGKILL]) {
    native.signalProcess(orphan.pid, orphan.startTicks, signal);
    const deadline = clock.monotonic() + GRACE_MS;
    while (clock.monotonic() < deadline) {
      const process = await readProcess(orphan.pid);
      if (process === null || process.startTicks !== orphan.startTicks) return;
      await clock.sleep(20);
    }
  }
  throw new BerthError("conflict", `${orphan.name} (process ${orphan.pid}) of a former \`berth up\` does not end`);
}

async function readRecords(pidDir: string): Promise<ChildRecord[]> {
  const names = await readdir(pidDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const texts = await Promise.all(names.filter((name) => name.endsWith(".json")).map((name) => readFile(join(pidDir, name), "utf8")));
  return texts.flatMap((text) => {
    try {
      return [JSON.parse(text) as ChildRecord];
    } catch {
      // Killed while it wrote: the private Redis is found by its socket too, and a Node child ends with its parent.
      return [];
    }
  });
}
