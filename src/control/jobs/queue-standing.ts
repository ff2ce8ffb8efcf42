import type { Job, NodeRecord } from "../../shared/domain/index.ts";
import { accrue, type DecayedUsage, heldShares, nodeCapacity, type ProjectShare, withUsage } from "../scheduler/index.ts";
import type { ProjectStore } from "./project-store.ts";

/** Usage is written this often: what a crash loses is a minute's. */
const SAVE_EVERY_MS = 60_000;

/** What nobody configured and used this little since is forgotten: its part of the entitlement would go to nobody for ever. */
const FORGOTTEN_USAGE = 0.005;

/** What the order needs beside the rows: the projects and what they have used. */
export interface QueueStanding {
  /** Counts what is held since the last call, and returns the projects as the scheduler sees them. None configured: none. */
  look(nodes: readonly NodeRecord[], active: readonly Job[], now: number): Promise<ProjectShare[]>;
}

/**
 * Reads the stored usages at the first `look` and adds to them from then on: of several control planes only the leader may
 * look.
 */
export function createQueueStanding(store: ProjectStore): QueueStanding {
  let usages: Map<string, DecayedUsage> | null = null;
  let savedAt = 0;
  let lookedAt: number | null = null;
  return {
    look: async (nodes, active, now) => {
      const settings = await store.list();
      if (settings.length === 0) return [];
      usages ??= await store.usages();
      const held = heldShares(holdersOf(active), nodes.map(nodeCapacity));
      for (const name of new Set([...held.keys(), ...usages.keys(), ...settings.map((project) => project.name)])) {
        usages.set(name, accrue(usages.get(name) ?? { value: 0, at: lookedAt ?? now }, held.get(name) ?? 0, now));
      }
      const known = new Set([...held.keys(), ...settings.map((project) => project.name)]);
      const forgotten = [...usages].filter(([name, { value }]) => !known.has(name) && value < FORGOTTEN_USAGE).map(([name]) => name);
      for (const name of forgotten) usages.delete(name);
      if (forgotten.length > 0) await store.forgetUsages(forgotten);
      lookedAt = now;
      if (now - savedAt >= SAVE_EVERY_MS || now < savedAt) {
        await store.saveUsages(usages);
        savedAt = now;
      }
      return withUsage(
        settings.map(({ quotaGpus, ...project }) => ({ ...project, guaranteedGpus: quotaGpus })),
        usages,
      );
    },
  };
}

function holdersOf(active: readonly Job[]) {
  return active.map(({ spec: { project, resources }, attempt }) => ({ project, resources, replicas: attempt?.assignments.length ?? 0 }));
}
