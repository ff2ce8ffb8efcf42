import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";
import { SYSTEM_PATH } from "../../platform/index.ts";

/** A started mmdebstrap. */
export interface Mmdebstrap {
  /** The image's files. */
  tar: Readable;
  /** Resolves when it ended well. @throws BerthError bootstrap_failed with its last lines; missing_requirement */
  finished: Promise<void>;
  /** Ends it and waits until it has taken its chroot away. Ended already is fine. */
  stop(): Promise<void>;
}

const LAST_LINES = 30;

/**
 * Starts mmdebstrap. `setpriv --pdeathsig` ends it with us: nobody would read its tar, and it takes its chroot away on
 * SIGTERM. `onLine` gets its informational lines without the "I: ".
 */
export function startMmdebstrap(
  args: readonly string[],
  options: { temporary: string; sourceDateEpoch: number; onLine: (line: string) => void },
): Mmdebstrap {
  const child = spawn("setpriv", ["--pdeathsig", "TERM", "mmdebstrap", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: a Ctrl-C in our terminal must not reach it before we stop it.
    detached: true,
    env: {
      PATH: SYSTEM_PATH,
      TMPDIR: options.temporary,
      SOURCE_DATE_EPOCH: String(options.sourceDateEpoch),
      LC_ALL: "C.UTF-8",
      HOME: "/root",
    },
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr as Readable }).on("line", (line) => {
    lastLines.push(line);
    if (lastLines.length > LAST_LINES) lastLines.shift();
    // Paths of hooks and temporary folders tell a person nothing.
    if (line.startsWith("I: ") && !line.includes(options.temporary) && !line.includes("--")) options.onLine(line.slice(3));
  });
  const finished = outcomeOf(child, lastLines);
  // Awaited by the caller after the tar; a failure before that must not count as unhandled.
  finished.catch(() => undefined);
  return { tar: child.stdout as Readable, finished, stop: () => stop(child, finished) };
}

async function outcomeOf(child: ChildProcess, lastLines: readonly string[]): Promise<void> {
  const [code, signal] = (await once(child, "close").catch(cannotStart)) as [number | null, string | null];
  if (code === 0) return;
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const why = lastLines.filter((line) => /^(?:E:|W:|Err|dpkg:|.*[Ee]rror)/.test(line)).slice(-6);
  throw new BerthError("bootstrap_failed", `mmdebstrap ended with ${how}: ${(why.length === 0 ? lastLines.slice(-3) : why).join("; ")}`, {
    details: { output: lastLines.join("\n") },
  });
}

function cannotStart(error: unknown): never {
  throw new BerthError("missing_requirement", "setpriv (util-linux) or mmdebstrap cannot be started: apt-get install mmdebstrap", {
    cause: error,
  });
}

async function stop(child: ChildProcess, finished: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  // It must not wait for us to read the rest of its tar.
  child.stdout?.destroy();
  await finished.catch(() => undefined);
}
