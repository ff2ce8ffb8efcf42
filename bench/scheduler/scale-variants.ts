import {
  type ActiveJob,
  type ClusterSnapshot,
  type PendingJob,
  type ProjectShare,
  SERVICE_POLICY,
} from "../../src/control/scheduler/index.ts";
import { mulberry, NOW, pick } from "./scale-cluster.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LIMITS = [HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 24 * HOUR, 72 * HOUR];
const ORGANISATIONS = 4;
const TEAMS = 16;
const USERS = 160;

interface Variant {
  /** For the table. */
  what: string;
  add(snapshot: ClusterSnapshot): ClusterSnapshot;
}

/** What a real cluster adds to nodes and jobs, one by one and all together. */
export const VARIANTS: Record<string, Variant> = {
  projects: { what: "20 projects in a tree: weights, guarantees, limits, decayed usage", add: withProjects },
  limits: { what: "every job has a time limit; 16 reservations at most", add: withLimits },
  classes: {
    what: "3 priorities, gangs, elastic jobs, maintenance, 2 reservations",
    add: (snapshot) => withWindows(withClasses(snapshot)),
  },
  service: { what: "queueing: service", add: withService },
  all: { what: "projects, limits and classes together", add: withAll },
  "all-service": { what: "the same under queueing: service", add: (snapshot) => withService(withAll(snapshot)) },
};

function withAll(snapshot: ClusterSnapshot): ClusterSnapshot {
  return withWindows(withLimits(withClasses(withProjects(snapshot))));
}

/** 4 organisations of 4 teams, of different weights; guarantees cover six tenths of the GPUs, the rest is borrowed. */
function withProjects(snapshot: ClusterSnapshot): ClusterSnapshot {
  const random = mulberry(2);
  const gpus = snapshot.nodes.length * 8;
  const share = (name: string, parent: string | null, more: Partial<ProjectShare>): ProjectShare => ({
    ...{ name, parent, weight: pick([1, 2, 4], random), guaranteedGpus: 0, usage: random() * 200 },
    ...{ limits: { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null }, ...more },
  });
  const organisations = Array.from({ length: ORGANISATIONS }, (_, place) => share(`org-${place}`, null, {}));
  const teams = Array.from({ length: TEAMS }, (_, place) =>
    share(`team-${place}`, `org-${place % ORGANISATIONS}`, {
      guaranteedGpus: Math.floor((gpus * 0.6) / TEAMS),
      limits: { gpus: place % 8 === 7 ? gpus >> 4 : null, jobs: null, gpusPerUser: place % 4 === 3 ? gpus >> 6 : null, jobsPerUser: null },
    }),
  );
  const member = (job: Asking) => {
    // Uneven: the first teams ask for most.
    const user = Math.floor(habit(job, 8, random) * USERS);
    return { project: `team-${Math.floor((user / USERS) ** 2 * TEAMS)}`, user: `user-${user}` };
  };
  return {
    ...snapshot,
    projects: [...organisations, ...teams],
    active: snapshot.active.map((job): ActiveJob => ({ ...job, ...member(job), startedAt: NOW - Math.floor(random() * 24 * HOUR) })),
    pending: snapshot.pending.map((job): PendingJob => ({ ...job, ...member(job) })),
  };
}

/** Every running and every waiting job has a time limit. */
function withLimits(snapshot: ClusterSnapshot): ClusterSnapshot {
  const random = mulberry(3);
  return {
    ...snapshot,
    active: snapshot.active.map((job) => ({ ...job, endsAt: NOW + Math.floor(random() * pick(LIMITS, random)) })),
    pending: snapshot.pending.map((job) => ({ ...job, timeLimitMs: pick(LIMITS, () => habit(job, 2, random)) })),
  };
}

/** Three priorities, one job in ten a gang, one in twenty elastic. */
function withClasses(snapshot: ClusterSnapshot): ClusterSnapshot {
  const random = mulberry(4);
  const classed = (job: PendingJob): PendingJob => {
    const kind = habit(job, 10, random);
    const replicas = kind < 0.1 ? pick([2, 4, 8, 16], () => kind * 10) : kind < 0.15 ? 8 : 1;
    const priority = pick([0, 0, 0, 50, 100], () => habit(job, 2, random));
    return { ...job, priority, replicas, ...(kind >= 0.1 && replicas > 1 ? { minReplicas: 2 } : {}) };
  };
  return { ...snapshot, pending: snapshot.pending.map(classed) };
}

/** Maintenance of two racks in six hours, and two reservations: one that holds now, one from tomorrow on. */
function withWindows(snapshot: ClusterSnapshot): ClusterSnapshot {
  const rack = (from: number, to: number) => snapshot.nodes.slice(from, to).map(({ id }) => id);
  return {
    ...snapshot,
    reservations: [
      { name: "maintenance", nodes: rack(0, 64), from: NOW + 6 * HOUR, to: NOW + 10 * HOUR, projects: [] },
      { name: "deadline", nodes: rack(64, 128), from: NOW - HOUR, to: NOW + 48 * HOUR, projects: ["team-1"] },
      { name: "course", nodes: rack(128, 160), from: NOW + 24 * HOUR, to: NOW + 72 * HOUR, projects: ["team-2", "team-3"] },
    ],
  };
}

/** As the service tracker leaves them. */
function withService(snapshot: ClusterSnapshot): ClusterSnapshot {
  const random = mulberry(5);
  // The index goes by user and shape, and by the age of what was cut short.
  const index = (job: Asking) => Math.floor(habit(job, 4, random) ** 4 * 1000) / 1_000_000;
  return {
    ...snapshot,
    queueing: SERVICE_POLICY,
    active: snapshot.active.map((job) => ({ startedAt: NOW - Math.floor(random() * 24 * HOUR), ...job, serviceIndex: index(job) })),
    pending: snapshot.pending.map((job) => ({ ...job, serviceIndex: index(job), hasRun: random() < 0.05 })),
  };
}

type Asking = Pick<PendingJob, "resources"> & Partial<Pick<PendingJob, "user">>;

/**
 * 0..1, one of so many numbers for all jobs of a user that ask alike: people submit sweeps of equal jobs, with the same limit
 * and priority, and do not throw dice for each.
 */
function habit({ resources, user = "" }: Asking, variations: number, random: () => number): number {
  const { gpus, gpuModel, cpuMillis, memoryBytes } = resources;
  let seed = Math.floor(random() * variations);
  for (const letter of `${user} ${gpus} ${gpuModel} ${cpuMillis} ${memoryBytes}`) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) | 0;
  return mulberry(seed)();
}
