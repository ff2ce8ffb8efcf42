import { below, type Random, shuffled } from "../random/random.ts";
import type { Pod } from "./openb.ts";

const gpuMillis = ({ ask }: Pod) => ask.gpus * ask.gpuMillis;

/**
 * The pods in random order, as many as ask for `tune` times the cluster's GPUs: drawn again with replacement, or dropped, to
 * get there (the rule of the FGD paper's experiments: the first draw whose GPU request goes over ends the list).
 */
export function arrivals(pods: readonly Pod[], clusterMillis: number, tune: number, random: Random): Pod[] {
  const list = shuffled([...pods].sort(byName), random);
  const target = clusterMillis * tune;
  let asked = list.reduce((sum, pod) => sum + gpuMillis(pod), 0);
  while (asked < target) {
    const pod = pods[below(random, pods.length)];
    if (pod === undefined || asked + pod.ask.gpuMillis > target) break;
    list.push(pod);
    asked += gpuMillis(pod);
  }
  while (asked > target) {
    const [dropped] = list.splice(below(random, list.length), 1);
    if (dropped === undefined) break;
    asked -= gpuMillis(dropped);
  }
  return list;
}

function byName(left: Pod, right: Pod): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
