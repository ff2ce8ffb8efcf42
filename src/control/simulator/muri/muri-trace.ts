import { readCsv } from "../trace/csv.ts";

export interface MuriJob {
  id: string;
  gpus: number;
  submitSeconds: number;
  workSeconds: number;
  /** Lost at every event of the cluster while it runs: the model's time to restart. */
  overheadSeconds: number;
}

/** Iterations were measured without the profiler: the published runs scale them by this. */
const ITERATION_SCALE = 1.015;

/** Seconds to restart a model on 1, 2, 4, 8, 16, 32 GPUs (Muri's table). */
const RESTART_SECONDS: Record<string, readonly number[]> = {
  vgg16: [7, 7, 8, 9, 9, 10],
  vgg19: [7, 7, 8, 9, 10, 10],
  resnet18: [4, 5, 5, 7, 7, 7],
  shufflenet_v2_x1_0: [4, 4, 5, 5, 7, 8],
  bert: [10, 10, 10, 10, 10, 10],
  gpt2: [10, 10, 10, 10, 10, 10],
  a2c: [38, 39, 39, 46, 46, 46],
  dqn: [5, 5, 6, 6, 8, 8],
};

/** Jobs of a Muri trace in order of submission (job_id,num_gpu,submit_time in ms,iterations,model_name,iteration_time in ms). */
export function muriJobs(csv: string): MuriJob[] {
  const columns = ["job_id", "num_gpu", "submit_time", "iterations", "model_name", "iteration_time"];
  const jobs = readCsv(csv, columns).map((row) => {
    const gpus = row.number("num_gpu");
    return {
      id: row.text("job_id"),
      gpus,
      submitSeconds: row.number("submit_time") / 1000,
      workSeconds: (row.number("iterations") * row.number("iteration_time") * ITERATION_SCALE) / 1000,
      overheadSeconds: RESTART_SECONDS[row.text("model_name")]?.[Math.ceil(Math.log2(gpus))] ?? 0,
    };
  });
  return jobs.sort((left, right) => left.submitSeconds - right.submitSeconds);
}
