import { spawn } from "node:child_process";
import { once } from "node:events";
import { pipeline } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";
import { errnoOf } from "./storage-error.ts";

const LONGEST_MESSAGE = 1000;

/**
 * Undoes zstd by the program of that name, for a Node without it. The program refuses windows above 128 MiB by itself, so
 * no input makes it take more.
 * @throws BerthError missing_requirement without the program, layer_invalid for damaged data
 */
export async function* throughZstdProgram(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn("zstd", ["--decompress", "--stdout", "--quiet"], { stdio: ["pipe", "pipe", "pipe"], env: { PATH: "/usr/bin:/bin" } });
  const failed = once(child, "error").then(([error]) => error as Error);
  const ended = once(child, "close").then(([code]) => code as number | null);
  failed.catch(() => undefined);
  ended.catch(() => undefined);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(0, LONGEST_MESSAGE);
  });
  let broken: Error | null = null;
  // The source's own failure must not look like a short archive.
  pipeline(source, child.stdin, (error) => {
    if (error && errnoOf(error) !== "EPIPE") broken = error;
    if (error) child.kill("SIGKILL");
  });
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const outcome = await Promise.race([ended, failed]);
    if (outcome instanceof Error) throw spawnError(outcome);
    if (broken !== null) throw broken;
    if (outcome !== 0) throw new BerthError("layer_invalid", `the compressed data is damaged: ${said.trim()}`);
  } finally {
    child.kill("SIGKILL");
  }
}

function spawnError(error: Error): BerthError {
  const missing =
    errnoOf(error) === "ENOENT" ? "the layer is compressed with zstd, and there is no program zstd" : `zstd: ${error.message}`;
  return new BerthError("missing_requirement", `${missing} (Node ${process.version} cannot read it by itself)`, {
    cause: error,
    details: { hint: "install the package zstd" },
  });
}
