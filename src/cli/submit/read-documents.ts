import { text } from "node:stream/consumers";
import type { CliIo } from "../cli-io.ts";
import { readText } from "../files/read-text.ts";
import type { JobDocument } from "./job-file.ts";

/**
 * The jobs of a YAML or JSON file, or of stdin for "-", with every `--set` applied.
 * @throws BerthError invalid_request for a file that cannot be read, invalid_job_spec with file and line
 */
export async function readDocuments(io: CliIo, file: string, sets: readonly string[]): Promise<JobDocument[]> {
  const read = file === "-" ? await text(io.stdin) : await readText(file);
  // The YAML library costs ~20 ms to load, and --help does not need it.
  const { readJobFile } = await import("./job-file.ts");
  return readJobFile(read, file === "-" ? "stdin" : file, sets);
}
