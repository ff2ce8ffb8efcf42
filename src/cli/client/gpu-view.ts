import type { Gpu } from "../../shared/domain/index.ts";

/** What `GET /v1/gpus` of node.sock answers, as far as it is shown. */
export interface GpusView {
  hostname: string;
  driverVersion: string | null;
  cudaVersion: string | null;
  simulated: boolean;
  /** Why the driver could not be read. */
  problem: string | null;
  gpus: GpuView[];
  /** Each pair of GPUs once. */
  pairs: { between: [string, string]; pcie: string | null; nvlinks: number }[];
}

export interface GpuView extends Gpu {
  telemetry: {
    memoryUsedBytes: number;
    utilizationPercent: number | null;
    temperatureCelsius: number | null;
    powerMilliwatts: number | null;
    powerLimitMilliwatts: number | null;
    smClockMhz: number | null;
    processes: { pid: number; usedBytes: number | null }[] | null;
  } | null;
  ecc: { enabled: boolean; correctable: number | null; uncorrectable: number | null } | null;
  remappedRows: { correctable: number; uncorrectable: number; pending: boolean; failure: boolean } | null;
  xids: { xid: number; at: number; class: string; text: string }[];
}
