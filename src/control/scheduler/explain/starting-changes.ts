import { formatDuration, gpuCountText, WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { mayJoin } from "../feasible/gpu-units.ts";
import { isOpen, labelOf } from "../feasible/node-blocker.ts";
import { fittingGpus } from "../feasible/replica-fit.ts";
import { requestOf } from "../feasible/request.ts";
import { usableMillis } from "../feasible/shared-gpu.ts";
import type { ClusterSnapshot, PendingJob, Plan } from "../snapshot.ts";
import { changedJob, type JobWish } from "./changed-job.ts";
import { cpus, memory } from "./words.ts";

/** One change of the job with which the next pass starts it. */
export interface StartingChange extends JobWish {
  /** As a person would write it: "--gpus 3". */
  words: string;
}

interface Candidate extends StartingChange {
  /** How much the user gives up, 0..1: only for the order. */
  cost: number;
}

type Decide = (snapshot: ClusterSnapshot, now: number) => Plan;

/** Every trial decides over the whole cluster again. */
const MOST_TRIALS = 48;
const MOST_OTHERS = 4;
const TIME_LIMITS_MINUTES = [10, 30, 60, 2 * 60, 4 * 60, 8 * 60, 12 * 60, 24 * 60, 48 * 60, 72 * 60, 168 * 60];

/**
 * The single changes of the job that start it now, cheapest first; each was tried on the snapshot. Halving finds the least
 * that must go of GPUs and replicas in a few trials.
 */
export function startingChanges(
  decide: Decide,
  snapshot: ClusterSnapshot,
  now: number,
  job: PendingJob,
  entries: readonly FreeNode[],
): StartingChange[] {
  let trials = 0;
  const starts = (wish: JobWish): boolean => {
    trials += 1;
    if (trials > MOST_TRIALS) return false;
    const pending = snapshot.pending.map((one) => (one.id === job.id ? changedJob(one, wish) : one));
    return decide({ ...snapshot, pending }, now).placements.some(({ jobId }) => jobId === job.id);
  };
  const found = [
    ...fewer(job.resources.gpus, (gpus) => ({ field: "resources.gpus", value: gpus }), "--gpus", starts),
    ...fewerReplicas(job, starts),
    ...shorter(job, starts),
    ...[
      ...smallerShare(job, entries),
      ...smaller(job, entries),
      ...otherHardware(job, snapshot),
      ...tolerating(job, snapshot),
      ...relaxed(job),
    ].filter(starts),
  ];
  return found.sort((left, right) => left.cost - right.cost).map(({ field, value, words }) => ({ field, value, words }));
}

/** The most below `asked` (not below 1) that starts. */
function fewer(asked: number, wish: (number: number) => JobWish, flag: string, starts: (wish: JobWish) => boolean): Candidate[] {
  let [works, fails] = [0, asked];
  if (asked <= 1 || !starts(wish(1))) return [];
  works = 1;
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    if (starts(wish(middle))) works = middle;
    else fails = middle;
  }
  return [{ ...wish(works), words: `${flag} ${works}`, cost: (asked - works) / asked }];
}

/** As much of a GPU as is left on one. */
function smallerShare(job: PendingJob, entries: readonly FreeNode[]): Candidate[] {
  const { gpuShare } = job.resources;
  if (gpuShare === undefined) return [];
  const request = requestOf(job);
  const open = entries.flatMap(({ node, shared }) => [...shared.values()].filter((one) => mayJoin(one, node, request)));
  const most = open.reduce((found, one) => Math.max(found, gpuShare.memoryBytes === null ? usableMillis(one) : one.millis), 0);
  if (most === 0 || most >= gpuShare.millis) return [];
  const words = `--gpus ${gpuCountText(most / WHOLE_GPU_MILLIS)}`;
  return [{ field: "resources.gpuShare", value: most, words, cost: 1 - most / gpuShare.millis }];
}

/** Of an elastic job the least it starts with; it still takes more where there is room. */
function fewerReplicas({ replicas, minReplicas }: PendingJob, starts: (wish: JobWish) => boolean): Candidate[] {
  if (minReplicas === undefined) return fewer(replicas, (value) => ({ field: "replicas", value }), "--replicas", starts);
  const found = fewer(minReplicas, (value) => ({ field: "minReplicas", value }), "", starts);
  return found.map((change) => ({ ...change, words: `replicas: {min: ${change.value}, max: ${replicas}}` }));
}

/** The longest time limit, of those a person would choose, with which it ends before somebody else's reservation begins. */
function shorter({ timeLimitMs, stopGraceMs = 0 }: PendingJob, starts: (wish: JobWish) => boolean): Candidate[] {
  const limit = timeLimitMs === undefined ? Number.POSITIVE_INFINITY : timeLimitMs - stopGraceMs;
  const wishes = TIME_LIMITS_MINUTES.map((minutes) => minutes * 60_000).filter((value) => value < limit);
  const works = (value: number | undefined) => value !== undefined && starts({ field: "timeLimit", value });
  if (!works(wishes[0])) return [];
  let [least, fails] = [0, wishes.length];
  while (fails - least > 1) {
    const middle = (least + fails) >> 1;
    if (works(wishes[middle])) least = middle;
    else fails = middle;
  }
  const value = wishes[least] ?? 0;
  // A limit where there was none gives up nothing if the job is short: only its user knows.
  return [
    {
      field: "timeLimit",
      value,
      words: `--time ${formatDuration(value / 1000)}`,
      cost: limit === Number.POSITIVE_INFINITY ? 0.15 : 1 - value / limit,
    },
  ];
}

/** Other GPU models than the one asked for, and other values of the labels it selects by (berth.pool), as the nodes have them. */
function otherHardware({ resources, rules }: PendingJob, { nodes }: ClusterSnapshot): Candidate[] {
  const { gpuModel } = resources;
  const models = new Set(gpuModel === null ? [] : nodes.flatMap((node) => node.gpus.map(({ model }) => model)));
  const others = [...models].filter((model) => !model.toLowerCase().includes(gpuModel?.toLowerCase() ?? "")).sort();
  const selected = Object.entries(rules?.nodeSelector ?? {}).flatMap(([key, value]) => {
    const values = new Set(nodes.flatMap((node) => labelOf(node, key) ?? []));
    return [...values]
      .filter((other) => other !== value)
      .map((other) => `${key}=${other}`)
      .sort();
  });
  return [
    ...others
      .slice(0, MOST_OTHERS)
      .map((model) => ({ field: "resources.gpuModel" as const, value: model, words: `--gpu-model "${model}"`, cost: 0.25 })),
    ...selected
      .slice(0, MOST_OTHERS)
      .map((pair) => ({ field: "rules.nodeSelector" as const, value: pair, words: `nodeSelector ${pair}`, cost: 0.25 })),
  ];
}

/** One taint more that it puts up with, as the nodes have them. */
function tolerating({ rules }: PendingJob, { nodes }: ClusterSnapshot): Candidate[] {
  const tolerated = (key: string, value: string) =>
    rules?.tolerations.some((toleration) => toleration.key === key && (toleration.value === null || toleration.value === value));
  const taints = nodes.filter(isOpen).flatMap((node) => node.taints ?? []);
  const pairs = new Set(taints.filter(({ key, value }) => !tolerated(key, value)).map(({ key, value }) => `${key}=${value}`));
  return [...pairs]
    .sort()
    .slice(0, MOST_OTHERS)
    .map((pair) => ({ field: "rules.tolerations", value: pair, words: `tolerations: ${pair.replace(/=$/, "")}`, cost: 0.5 }));
}

/** As much CPU or memory as the nodes with the GPUs still have. */
function smaller(job: PendingJob, entries: readonly FreeNode[]): Candidate[] {
  const { resources } = job;
  const request = requestOf(job);
  const roomy = entries.filter((entry) => entry.node.state === "ready" && fittingGpus(entry, request).length >= resources.gpus);
  const most = (amount: (entry: FreeNode) => number) => roomy.reduce((found, entry) => Math.max(found, amount(entry)), 0);
  const cpuMillis = most((entry) => (entry.memoryBytes >= resources.memoryBytes ? entry.cpuMillis : 0));
  const memoryBytes = most((entry) => (entry.cpuMillis >= resources.cpuMillis ? entry.memoryBytes : 0));
  const found: Candidate[] = [];
  if (cpuMillis > 0 && cpuMillis < resources.cpuMillis)
    found.push({
      field: "resources.cpuMillis",
      value: cpuMillis,
      words: `--cpus ${cpus(cpuMillis)}`,
      cost: 1 - cpuMillis / resources.cpuMillis,
    });
  if (memoryBytes > 0 && memoryBytes < resources.memoryBytes) {
    const cost = 1 - memoryBytes / resources.memoryBytes;
    found.push({ field: "resources.memoryBytes", value: memoryBytes, words: `--memory ${memory(memoryBytes).replace(" ", "")}`, cost });
  }
  return found;
}

/** Without one of its wishes. */
function relaxed({ resources, rules, avoid }: PendingJob): Candidate[] {
  const without = (field: JobWish["field"], asked: boolean, words: string, cost: number): Candidate[] =>
    asked ? [{ field, value: null, words, cost }] : [];
  return [
    ...without("resources.gpuModel", resources.gpuModel !== null, `without gpuModel ${resources.gpuModel}`, 0.3),
    ...without(
      "resources.gpuMemory",
      resources.gpuMemoryBytes !== null || resources.gpuMemoryMaxBytes !== undefined,
      "without gpuMemory",
      0.4,
    ),
    ...without(
      "resources.gpuConditions",
      resources.gpuConditions !== undefined,
      "without conditions on driver, CUDA or compute capability",
      0.6,
    ),
    ...without("resources.hostPorts", resources.hostPorts !== undefined, "ports that the node chooses", 0.25),
    ...without("rules.nodeSelector", Object.keys(rules?.nodeSelector ?? {}).length > 0, "without nodeSelector", 0.3),
    ...without("rules.excludedNodes", (rules?.excludedNodes.length ?? 0) > 0, "without excludeNodes", 0.3),
    ...without("rules.maxPerNode", rules?.maxPerNode != null, "without maxPerNode", 0.2),
    ...without("rules.sameLabel", rules?.sameLabel != null, `without together: ${rules?.sameLabel}`, 0.2),
    ...without("rules.spreadLabel", rules?.spreadLabel != null, `without spread: ${rules?.spreadLabel}`, 0.2),
    ...without("rules.architecture", rules?.architecture != null, "without architecture", 0.7),
    ...without("rules.diskBytes", rules?.diskBytes != null, "without disk", 0.5),
    ...without("avoid", (avoid?.length ?? 0) > 0, "on hardware that failed it before", 0.9),
  ];
}
