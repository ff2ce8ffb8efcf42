import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EngineProcessOptions } from "./engine-process.ts";

export interface EngineProcess {
  child: ChildProcess;
  /** Resolves with true when the process said so, with false when it ended before. */
  said(word: string): Promise<boolean>;
  kill(): Promise<void>;
  ended: Promise<unknown>;
}

/** Starts engine-process.ts over `base`. */
export function spawnEngine(base: string, options: EngineProcessOptions): EngineProcess {
  const script = fileURLToPath(new URL("engine-process.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, base, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const words: string[] = [];
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on("line", (line) => words.push(line));
  return {
    child,
    ended,
    async said(word) {
      while (!words.includes(word)) {
        const more = await Promise.race([once(lines, "line").then(() => true), ended.then(() => false)]);
        if (!more) return words.includes(word);
      }
      return true;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
