import {
  CDI_CAPABILITIES,
  type CdiFormat,
  type CdiSnapshot,
  type CdiSources,
  cdiFormatOf,
  createDriverRoot,
  createGpuHost,
  formatCdiSpec,
  keepCdiFile,
  parseDriverCapabilities,
  readCdiSnapshot,
  writeCdiFile,
} from "../../node/gpu/index.ts";
import { loadNative } from "../../node/platform/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import { type CliIo, stopSignal } from "../cli-io.ts";

export interface GenerateOptions {
  output: string;
  format?: CdiFormat;
  driverRoot: string;
  capabilities?: string;
  simulated: boolean;
  watch: boolean;
  interval: number;
}

/** Writes the file, or prints it where it is "-"; with `watch` keeps it true until a signal. @throws BerthError gpu_unavailable without a GPU to offer */
export async function generateCdi(io: CliIo, options: GenerateOptions): Promise<void> {
  const sources = await openSources(io, options);
  if (options.output === "-") return print(io, await readCdiSnapshot(sources), options);
  const format = options.format ?? cdiFormatOf(options.output);
  cdiFormatOf(options.output);
  if (options.watch) return watch(io, sources, options, format);
  const snapshot = await readCdiSnapshot(sources);
  const change = await writeCdiFile(options.output, snapshot.spec, format);
  if (snapshot.spec === null) throw noSpec(snapshot, change === "removed" ? `; ${options.output} was removed` : "");
  io.stderr.write(`${change} ${options.output}: ${describe(snapshot)}\n`);
}

async function openSources(io: CliIo, { driverRoot, capabilities, simulated }: GenerateOptions): Promise<CdiSources> {
  const host = await createGpuHost({ native: loadNative(), clock: io.clock, driverRoot, simulated });
  const wanted = capabilities === undefined ? CDI_CAPABILITIES : parseDriverCapabilities(capabilities).capabilities;
  return { inventory: () => host.inventory(), driver: createDriverRoot(driverRoot), capabilities: wanted };
}

function print(io: CliIo, snapshot: CdiSnapshot, { format, watch }: GenerateOptions): void {
  if (watch) throw new BerthError("invalid_request", "--watch needs --output FILE");
  if (snapshot.spec === null) throw noSpec(snapshot, "");
  io.stdout.write(formatCdiSpec(snapshot.spec, format ?? "yaml"));
}

async function watch(io: CliIo, sources: CdiSources, options: GenerateOptions, format: CdiFormat): Promise<void> {
  const { signal, close } = stopSignal(io);
  try {
    const changed = (change: string, snapshot: CdiSnapshot): void =>
      void io.stderr.write(`${change} ${options.output}: ${snapshot.reason ?? describe(snapshot)}\n`);
    const current = (): Promise<CdiSnapshot> => readCdiSnapshot(sources);
    await keepCdiFile({ path: options.output, format, current, everyMs: options.interval, clock: io.clock, changed }, signal);
  } finally {
    close();
  }
}

function noSpec({ reason }: CdiSnapshot, consequence: string): BerthError {
  return new BerthError("gpu_unavailable", `${reason ?? "no GPU"}${consequence}`);
}

function describe({ spec }: CdiSnapshot): string {
  return (spec?.devices ?? []).map((device) => `${spec?.kind}=${device.name}`).join(", ");
}
