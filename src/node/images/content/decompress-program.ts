import { spawn } from "node:child_process";
import { pipeline } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";
import { errnoOf } from "./storage-error.ts";

const LONGEST_MESSAGE = 1000;

/** A compression that Node does not undo by itself (zstd: only since 22.15), and the program that does. */
export type ProgramFormat = keyof typeof PROGRAMS;

/** None takes more memory than its limit, whatever the input says: zstd refuses windows above 128 MiB by itself, bzip2 has 4 MB. */
const PROGRAMS = {
  zstd: { args: ["--decompress", "--stdout", "--quiet"], package: "zstd" },
  xz: { args: ["--decompress", "--stdout", "--quiet", "--format=xz", "--memlimit-decompress=256MiB"], package: "xz-utils" },
  bzip2: { args: ["--decompress", "--stdout", "--quiet"], package: "bzip2" },
};

/**
 * Undoes a compression by the program of that name.
 * @throws BerthError missing_requirement without the program, layer_invalid for damaged data
 */
export async function* throughProgram(
  format: ProgramFormat,
  source: AsyncIterable<Uint8Array>,
  path = "/usr/bin:/bin",
): AsyncGenerator<Uint8Array> {
  const child = spawn(format, PROGRAMS[format].args, { stdio: ["pipe", "pipe", "pipe"], env: { PATH: path } });
  // Not events.once: that rejects when "error" comes while it waits for "close".
  const ended = new Promise<Error | number | null>((resolve) => {
    child.once("error", resolve);
    child.once("close", resolve);
  });
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
    const outcome = await ended;
    if (outcome instanceof Error) throw spawnError(format, outcome);
    if (broken !== null) throw broken;
    if (outcome !== 0) throw new BerthError("layer_invalid", `the compressed data is damaged: ${said.trim()}`);
  } finally {
    child.kill("SIGKILL");
  }
}

function spawnError(format: ProgramFormat, error: Error): BerthError {
  const missing =
    errnoOf(error) === "ENOENT"
      ? `the data is compressed with ${format}, and there is no program ${format}`
      : `cannot run ${format}: ${error.message}`;
  return new BerthError("missing_requirement", missing, {
    cause: error,
    details: { hint: `install the package ${PROGRAMS[format].package}` },
  });
}
