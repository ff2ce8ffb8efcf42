import { BerthError } from "../../../shared/domain/index.ts";
import { type CsvRow, csvColumns, readCsv, refuseOtherColumns } from "../trace/csv.ts";
import type { ReplayNode } from "./replay-job.ts";

const MIB = 2 ** 20;
const MOST_GPUS = 1024;
const MOST_MACHINES = 100_000;
const LARGE = Number.MAX_SAFE_INTEGER / 2 ** 12;

/**
 * Machines of a cluster file: Berth's CSV (name,gpus and any of gpu_model,cpu_milli,memory_mib,partition), an openb node
 * list (sn,cpu_milli,memory_mib,gpu,model), nodes by partition (vc,nodes or vc,nodes_half: 8 GPUs each), or "8x4" for eight
 * machines of four GPUs. What a file does not limit is not limited.
 * @throws BerthError invalid_trace
 */
export function readReplayNodes(text: string): ReplayNode[] {
  const nodes = nodesOf(text);
  const names = new Set<string>();
  for (const { name, gpus, cpuMillis, memoryBytes } of nodes) {
    const counts = Number.isInteger(gpus) && gpus >= 0 && gpus <= MOST_GPUS && cpuMillis >= 0 && memoryBytes >= 0;
    if (!counts)
      throw new BerthError(
        "invalid_trace",
        `machine ${name} of the cluster: gpus must be a whole number of 0 to ${MOST_GPUS}, nothing below 0`,
      );
    if (name === "" || names.has(name))
      throw new BerthError("invalid_trace", `the cluster has ${name === "" ? "a machine without a name" : `two machines ${name}`}`);
    names.add(name);
  }
  return nodes;
}

function nodesOf(text: string): ReplayNode[] {
  const plain = /^\s*(\d+)x(\d+)\s*$/.exec(text);
  if (plain !== null) return machines("node", Number(plain[1]), Number(plain[2]), null);
  const columns = csvColumns(text);
  const has = (...names: string[]) => names.every((name) => columns.includes(name));
  if (has("sn", "gpu", "model")) return readCsv(text, ["cpu_milli", "memory_mib"], "cluster file").map(openbNode);
  if (has("name", "gpus")) return berthCluster(text, columns);
  const size = ["nodes", "nodes_half", "nodes_full"].find((name) => has("vc", name));
  if (size !== undefined)
    return readCsv(text, [], "cluster file").flatMap((row) => machines(row.text("vc"), row.number(size), 8, row.text("vc")));
  if (columns.length === 0) throw new BerthError("invalid_trace", "the cluster file is empty: not even a header");
  throw new BerthError("invalid_trace", `the cluster file has the columns ${columns.join(",")}; see berth simulate --help`);
}

function berthCluster(text: string, columns: readonly string[]): ReplayNode[] {
  refuseOtherColumns(columns, ["name", "gpus", "gpu_model", "cpu_milli", "memory_mib", "partition"], "cluster file");
  return readCsv(text, [], "cluster file").map(berthNode);
}

function machines(name: string, count: number, gpus: number, partition: string | null): ReplayNode[] {
  if (!Number.isInteger(count) || count < 0 || count > MOST_MACHINES)
    throw new BerthError("invalid_trace", `a cluster has a whole number of 0 to ${MOST_MACHINES} machines, not ${count}`);
  return Array.from({ length: count }, (_, place) => ({
    ...{ name: `${name}-${String(place).padStart(4, "0")}`, gpus, gpuModel: "GPU", cpuMillis: LARGE, memoryBytes: LARGE, partition },
  }));
}

function openbNode(row: CsvRow): ReplayNode {
  const memoryBytes = row.number("memory_mib") * MIB;
  return {
    ...{ name: row.text("sn"), gpus: row.number("gpu"), gpuModel: row.text("model"), cpuMillis: row.number("cpu_milli") },
    ...{ memoryBytes, partition: null },
  };
}

function berthNode(row: CsvRow): ReplayNode {
  return {
    name: row.text("name"),
    gpus: row.number("gpus"),
    gpuModel: row.text("gpu_model") || "GPU",
    cpuMillis: row.text("cpu_milli") === "" ? LARGE : row.number("cpu_milli"),
    memoryBytes: row.text("memory_mib") === "" ? LARGE : row.number("memory_mib") * MIB,
    partition: row.text("partition") || null,
  };
}
