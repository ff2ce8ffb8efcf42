import {
  type ActiveJob,
  accrue,
  DEFAULT_PROJECT,
  type DecayedUsage,
  heldShares,
  type NodeCapacity,
  type ProjectShare,
  withUsage,
} from "../../scheduler/index.ts";

/** Counts what projects use, as the leader does in production. */
export interface ProjectUsage {
  /** What is held from here on. */
  note(active: readonly ActiveJob[]): void;
  /** The projects with what they have used until `now`, milliseconds. */
  look(now: number): ProjectShare[];
}

/** Begins with the usage that `configured` tells, at time 0. */
export function createProjectUsage(configured: readonly ProjectShare[], nodes: NodeCapacity[]): ProjectUsage {
  const usages = new Map(configured.map(({ name, usage }): [string, DecayedUsage] => [name, { value: usage, at: 0 }]));
  let held = new Map<string, number>();
  return {
    note: (active) => {
      const holders = active.map(({ project = DEFAULT_PROJECT, resources, assignments }) => ({
        project,
        resources,
        replicas: assignments.length,
      }));
      held = heldShares(holders, nodes);
    },
    look: (now) => {
      for (const name of new Set([...held.keys(), ...usages.keys()]))
        usages.set(name, accrue(usages.get(name) ?? { value: 0, at: now }, held.get(name) ?? 0, now));
      return withUsage(configured, usages);
    },
  };
}
