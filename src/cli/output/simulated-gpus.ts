import type { CliIo } from "../cli-io.ts";
import { paint } from "./style.ts";

/** Nobody may take a simulated GPU for a real one: said wherever GPUs are shown. */
export function warnSimulatedGpus(io: CliIo, where: string): void {
  io.stderr.write(
    `${paint("SIMULATED GPUS:", "yellow", io.colour.stderr)} ${where}: device nodes and libraries are stand-ins, no GPU computes\n`,
  );
}
