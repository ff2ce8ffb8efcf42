/**
 * GPUs of a node that will likely be left without CPU: `gpus` GPUs' worth of asks, each with a random need for CPU of this
 * mean and deviation, meet what CPU there is; the expected shortage (the newsvendor's loss), in GPUs.
 */
export function strandedGpus(gpus: number, cpuMillis: number, cpuMean: number, cpuDeviation: number): number {
  if (gpus <= 0) return 0;
  const deviation = cpuDeviation * Math.sqrt(gpus);
  const spare = cpuMillis - cpuMean * gpus;
  if (deviation === 0) return Math.max(0, -spare) / cpuMean;
  return (deviation * normalLoss(spare / deviation)) / cpuMean;
}

/** E[max(0, X - z)] of a standard normal X; Abramowitz and Stegun 26.2.17 for the tail (error below 1e-7). */
function normalLoss(z: number): number {
  if (z > 6) return 0;
  if (z < -6) return -z;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return density - z * (z >= 0 ? tail : 1 - tail);
}
