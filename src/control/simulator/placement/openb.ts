import { type Ask, type Room, WHOLE_GPU } from "../../scheduler/index.ts";
import { readCsv } from "../trace/csv.ts";

const MIB = 2 ** 20;

/** A named ask of an openb pod list. */
export interface Pod {
  name: string;
  ask: Ask;
}

/** Nodes of an openb node list (sn,cpu_milli,memory_mib,gpu,model), all free. */
export function openbNodes(csv: string): Room[] {
  return readCsv(csv, ["sn", "cpu_milli", "memory_mib", "gpu", "model"], "cluster file").map((row) => {
    const total = { cpuMillis: row.number("cpu_milli"), memoryBytes: row.number("memory_mib") * MIB };
    const gpuMillis = new Array<number>(row.number("gpu")).fill(WHOLE_GPU);
    return { ...total, gpuMillis, gpuModel: row.text("model"), total };
  });
}

/** Pods of an openb pod list (name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec]). */
export function openbPods(csv: string): Pod[] {
  return readCsv(csv, ["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"]).map((row) => {
    const gpus = row.number("num_gpu");
    const models = gpus === 0 ? [] : row.text("gpu_spec").split("|").filter(Boolean);
    return {
      name: row.text("name"),
      ask: {
        cpuMillis: row.number("cpu_milli"),
        memoryBytes: row.number("memory_mib") * MIB,
        gpus,
        gpuMillis: gpus > 1 ? WHOLE_GPU : row.number("gpu_milli"),
        gpuModels: models.length === 0 ? null : new Set(models),
      },
    };
  });
}
