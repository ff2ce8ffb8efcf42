import { gpusCounted, type Job, type NodeRecord } from "../../shared/domain/index.ts";
import { accrue, type DecayedUsage, dominantShare, nodeCapacity, type ProjectShare, totalsOf } from "../scheduler/index.ts";
import type { ProjectStore } from "./project-store.ts";

/** Usage is written this often: what a crash loses is a minute's. */
const SAVE_EVERY_MS = 60_000;

/** What the order needs beside the rows: the projects and what they have used. */
export interface QueueStanding {
  /** Counts what is held since the last call, and returns the projects as the scheduler sees them. None configured: none. */
  look(nodes: readonly NodeRecord[], active: readonly Job[], now: number): Promise<ProjectShare[]>;
}

export function createQueueStanding(store: ProjectStore): QueueStanding {
  let usages: Map<string, DecayedUsage> | null = null;
  let savedAt = 0;
  let lookedAt: number | null = null;
  return {
    look: async (nodes, active, now) => {
      const settings = await store.list();
      if (settings.length === 0) return [];
      usages ??= await store.usages();
      const held = heldShares(nodes, active);
      for (const name of new Set([...held.keys(), ...usages.keys(), ...settings.map((project) => project.name)])) {
        usages.set(name, accrue(usages.get(name) ?? { value: 0, at: lookedAt ?? now }, held.get(name) ?? 0, now));
      }
      lookedAt = now;
      if (now - savedAt >= SAVE_EVERY_MS || now < savedAt) {
        await store.saveUsages(usages);
        savedAt = now;
      }
      const known = new Set(settings.map((project) => project.name));
      const plain = [...usages.keys()].filter((name) => !known.has(name)).sort();
      return [
        ...settings.map(({ quotaGpus, ...project }) => ({
          ...project,
          guaranteedGpus: quotaGpus,
          usage: usages?.get(project.name)?.value ?? 0,
        })),
        ...plain.map((name) => ({
          name,
          parent: null,
          weight: 1,
          guaranteedGpus: 0,
          limits: UNLIMITED,
          usage: usages?.get(name)?.value ?? 0,
        })),
      ];
    },
  };
}

const UNLIMITED = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null };

function heldShares(nodes: readonly NodeRecord[], active: readonly Job[]): Map<string, number> {
  const total = totalsOf({ nodes: nodes.map(nodeCapacity) });
  const amounts = new Map<string, { gpus: number; cpuMillis: number; memoryBytes: number }>();
  for (const { spec, attempt } of active) {
    const replicas = attempt?.assignments.length ?? 0;
    const sum = amounts.get(spec.project) ?? { gpus: 0, cpuMillis: 0, memoryBytes: 0 };
    sum.gpus += gpusCounted(spec.resources) * replicas;
    sum.cpuMillis += spec.resources.cpuMillis * replicas;
    sum.memoryBytes += spec.resources.memoryBytes * replicas;
    amounts.set(spec.project, sum);
  }
  return new Map([...amounts].map(([name, sum]) => [name, dominantShare(sum, total)]));
}
