import { watch as watchFolder } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../../shared/domain/index.ts";
import { isProcessAlive, type ProcessIdentity } from "../../platform/index.ts";
import type { MonitorEnd } from "./monitor.ts";

/** Backs up the folder watch (inotify can lose events) and notices a monitor that died. */
const POLL_MS = 1_000;

export interface ExitWatcher {
  /** `monitor` finds the process that will write the exit code; null when it is gone. */
  watch(id: string, monitor: () => Promise<ProcessIdentity | null>, onEnd: (end: MonitorEnd) => void): () => void;
  close(): void;
}

interface Watched {
  monitor: () => Promise<ProcessIdentity | null>;
  onEnd: (end: MonitorEnd) => void;
}

/** Watches the one folder into which every conmon puts its container's exit code, under the container's id. */
export function createExitWatcher(options: { exitDir: string; onError: (message: string) => void }): ExitWatcher {
  const watched = new Map<string, Watched>();

  const check = async (id: string, withMonitor: boolean): Promise<void> => {
    const entry = watched.get(id);
    if (!entry) return;
    const end = await endOf(options.exitDir, id, withMonitor ? entry.monitor : null);
    if (end === null || watched.get(id) !== entry) return;
    watched.delete(id);
    entry.onEnd(end);
  };
  const checkSafely = (id: string, withMonitor: boolean) =>
    check(id, withMonitor).catch((error: unknown) => options.onError(`cannot read how ${id} ended: ${errorText(error)}`));

  const folder = watchFolder(options.exitDir, (_event, file) => {
    // conmon writes "<id>.XXXXXX" and renames it.
    if (file !== null && watched.has(file)) void checkSafely(file, false);
  });
  folder.on("error", (error) => options.onError(`watching ${options.exitDir} failed: ${errorText(error)}`));

  const poll = setInterval(() => {
    for (const id of watched.keys()) void checkSafely(id, true);
  }, POLL_MS);
  poll.unref();

  return {
    watch(id, monitor, onEnd) {
      const entry = { monitor, onEnd };
      watched.set(id, entry);
      void checkSafely(id, true);
      return () => {
        if (watched.get(id) === entry) watched.delete(id);
      };
    },
    close() {
      clearInterval(poll);
      folder.close();
      watched.clear();
    },
  };
}

/** The exit file, or `lost` when there is none and nobody left to write it; null while it runs. */
export async function endOf(
  exitDir: string,
  id: string,
  monitor: (() => Promise<ProcessIdentity | null>) | null,
): Promise<MonitorEnd | null> {
  const exited = await readExit(join(exitDir, id));
  if (exited !== null || monitor === null) return exited;
  const identity = await monitor();
  if (identity !== null && (await isProcessAlive(identity))) return null;
  // It may have written the file between the two looks.
  return (await readExit(join(exitDir, id))) ?? { kind: "lost" };
}

async function readExit(path: string): Promise<MonitorEnd | null> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const code = Number.parseInt(text.trim(), 10);
    return Number.isInteger(code) && code >= 0 && code <= 255 ? { kind: "exited", code, at: Math.round(mtimeMs) } : { kind: "lost" };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
