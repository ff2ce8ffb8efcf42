import { AGE_BINS, BIN_EDGES, binOf } from "./age-bins.ts";

/** What is known of a job when it is submitted. Nothing of it is a duration. */
export interface SubmittedRun {
  id: string;
  /** Who runs what: project, user, kind of job; "" when nobody knows. Jobs of a group that are submitted together tend to run equally long. */
  group: string;
  /** All GPUs of all replicas. */
  gpus: number;
  /** Milliseconds since the Unix epoch. */
  submittedAt: number;
}

/**
 * Learns how long jobs run from those that ran, and tells of a waiting or running one how likely it is to end soon.
 * Four levels, each leaning on the next while it knows little: the job's burst (its group, same GPUs, submitted
 * together), recent jobs of the group, recent jobs of that size, all jobs. Each counts, per bin of age, how many runs reached it and how many ended
 * in it, so that runs which still go on teach too. The same calls give the same answers.
 */
export interface ServiceHistory {
  submitted(run: SubmittedRun): void;
  /** The job has run so long in all, milliseconds. */
  attained(id: string, serviceMs: number): void;
  ended(id: string): void;
  /** It left without an end of its own (cancelled): nothing is learnt. */
  forget(id: string): void;
  /** Gittins index per root of GPUs: the best chance to end per second that any further stretch of service offers. 0 when unknown. */
  index(id: string): number;
  /** How much longer it runs with these chances not to end before, milliseconds; null when unknown. */
  remaining(id: string, quantile: number): number | null;
  /** When the index of the job changes next if it goes on running, milliseconds of service. */
  nextChange(id: string): number;
}

interface Counts {
  ended: Float64Array;
  reached: Float64Array;
}

interface Burst extends Counts {
  /** Null when its group is not known. */
  group: Recent | null;
  size: Recent;
  lastSubmittedAt: number;
  /** Bin -> index, while nothing that matters has changed. */
  cache: Map<number, number>;
  cachedAt: number;
}

interface Recent extends Counts {
  /** Weight of one count now: grows instead of letting all others decay. */
  weight: number;
}

interface Run {
  burst: Burst;
  bin: number;
  gpuRoot: number;
}

/** A gap this long begins a new burst. */
const BURST_GAP_MS = 10 * 60_000;
/** Runs' worth of belief in the next level. */
const BURST_PRIOR = 2;
const GROUP_PRIOR = 3;
const SIZE_PRIOR = 20;
/** Without any history an eighth of the runs ends in each bin: the longer it ran, the longer it will. */
const BASE_HAZARD = 0.12;
/** Ends after which an old count weighs half. */
const HALF_LIFE_ENDS = 200;
/** Ends after which all cached indexes are made again, for the levels above have moved. */
const CACHE_ENDS = 100;
const HEAVIEST = 1e12;

/** Knows nothing: every job's chances are then those of a run that ends the later the longer it ran. */
export function createServiceHistory(): ServiceHistory {
  const all = counts();
  const sizes = new Map<string, Recent>();
  const groups = new Map<string, Recent>();
  const bursts = new Map<string, Burst>();
  const runs = new Map<string, Run>();
  let ends = 0;

  const levelsOf = ({ group, size, ...burst }: Burst): [Counts, number][] => [
    [burst, 1],
    ...(group === null ? [] : [[group, group.weight] as [Counts, number]]),
    [size, size.weight],
    [all, 1],
  ];
  const enter = ({ burst, bin }: Run) => {
    for (const [level, weight] of levelsOf(burst)) add(level.reached, bin, weight);
    burst.cache.clear();
  };
  const hazard = (burst: Burst, bin: number) => {
    const inAll = leaning(all, bin, SIZE_PRIOR, BASE_HAZARD);
    const inSize = leaning(burst.size, bin, SIZE_PRIOR * burst.size.weight, inAll);
    const inGroup = burst.group === null ? inSize : leaning(burst.group, bin, GROUP_PRIOR * burst.group.weight, inSize);
    return Math.min(0.999, leaning(burst, bin, BURST_PRIOR, inGroup));
  };
  const indexOf = (burst: Burst, bin: number) => {
    if (ends - burst.cachedAt > CACHE_ENDS) {
      burst.cache.clear();
      burst.cachedAt = ends;
    }
    const known = burst.cache.get(bin);
    if (known !== undefined) return known;
    const made = gittins((later) => hazard(burst, later), bin);
    burst.cache.set(bin, made);
    return made;
  };

  return {
    submitted: ({ id, group, gpus, submittedAt }) => {
      const size = getOr(sizes, sizeClass(gpus), () => ({ ...counts(), weight: 1 }));
      const key = `${group} ${gpus}`;
      const last = bursts.get(key);
      const goesOn = last !== undefined && submittedAt - last.lastSubmittedAt <= BURST_GAP_MS;
      const known = group === "" ? null : getOr(groups, key, () => ({ ...counts(), weight: 1 }));
      const burst = goesOn ? last : { ...counts(), group: known, size, lastSubmittedAt: submittedAt, cache: new Map(), cachedAt: ends };
      burst.lastSubmittedAt = submittedAt;
      bursts.set(key, burst);
      const run = { burst, bin: 0, gpuRoot: Math.sqrt(Math.max(1, gpus)) };
      runs.set(id, run);
      enter(run);
    },
    attained: (id, serviceMs) => {
      const run = runs.get(id);
      if (run === undefined) return;
      for (const reached = binOf(serviceMs); run.bin < reached; ) {
        run.bin += 1;
        enter(run);
      }
    },
    ended: (id) => {
      const run = runs.get(id);
      if (run === undefined) return;
      runs.delete(id);
      const { burst, bin } = run;
      for (const [level, weight] of levelsOf(burst)) add(level.ended, bin, weight);
      burst.cache.clear();
      ends += 1;
      grow(burst.size);
      if (burst.group !== null) grow(burst.group);
    },
    forget: (id) => void runs.delete(id),
    index: (id) => {
      const run = runs.get(id);
      return run === undefined ? 0 : indexOf(run.burst, run.bin) / run.gpuRoot;
    },
    remaining: (id, quantile) => {
      const run = runs.get(id);
      return run === undefined ? null : quantileOf((bin) => hazard(run.burst, bin), run.bin, quantile);
    },
    nextChange: (id) => BIN_EDGES[(runs.get(id)?.bin ?? 0) + 1] ?? Number.POSITIVE_INFINITY,
  };
}

/** The largest chance to end per second of service, over all stretches from the bin on (Gittins 1979, in discrete time). */
function gittins(hazard: (bin: number) => number, from: number): number {
  let [best, seconds, alive] = [0, 0, 1];
  for (let bin = from; bin < AGE_BINS && alive > 0.05; bin += 1) {
    const after = alive * (1 - hazard(bin));
    seconds += ((binWidth(bin) / 1000) * (alive + after)) / 2;
    alive = after;
    best = Math.max(best, (1 - alive) / seconds);
  }
  return best;
}

function quantileOf(hazard: (bin: number) => number, from: number, quantile: number): number {
  let [alive, elapsed] = [1, 0];
  for (let bin = from; bin < AGE_BINS; bin += 1) {
    const after = alive * (1 - hazard(bin));
    if (1 - after >= quantile) return elapsed + binWidth(bin) * ((quantile - (1 - alive)) / (alive - after));
    elapsed += binWidth(bin);
    alive = after;
  }
  return elapsed;
}

/** The part of the runs that ended in the bin they reached, with so many imagined runs that ended as the level above says. */
function leaning(level: Counts, bin: number, imagined: number, above: number): number {
  return (at(level.ended, bin) + imagined * above) / (at(level.reached, bin) + imagined);
}

function binWidth(bin: number): number {
  return (BIN_EDGES[bin + 1] ?? 0) - (BIN_EDGES[bin] ?? 0);
}

function sizeClass(gpus: number): string {
  return gpus <= 1 ? "1" : gpus <= 2 ? "2" : gpus <= 4 ? "4" : gpus <= 8 ? "8" : "more";
}

function counts(): Counts {
  return { ended: new Float64Array(AGE_BINS), reached: new Float64Array(AGE_BINS) };
}

function at(array: Float64Array, bin: number): number {
  return array[bin] ?? 0;
}

function add(array: Float64Array, bin: number, amount: number): void {
  array[bin] = at(array, bin) + amount;
}

/** Before the weights leave the range of doubles all are scaled back to where they began. */
function grow(recent: Recent): void {
  recent.weight *= 2 ** (1 / HALF_LIFE_ENDS);
  if (recent.weight < HEAVIEST) return;
  for (let bin = 0; bin < AGE_BINS; bin += 1) {
    recent.ended[bin] = at(recent.ended, bin) / recent.weight;
    recent.reached[bin] = at(recent.reached, bin) / recent.weight;
  }
  recent.weight = 1;
}

function getOr<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
