import { gpusCounted, type ResourceRequest } from "../../../shared/domain/index.ts";
import type { NodeCapacity } from "../snapshot.ts";
import type { DecayedUsage } from "../time/decayed-usage.ts";
import { dominantShare, totalsOf } from "./project-tree.ts";
import { NO_LIMITS, type ProjectShare } from "./queueing-policy.ts";

/** Project -> the part of the cluster (0..1) that its jobs hold: what its usage grows by. */
export function heldShares(
  held: readonly { project: string; resources: ResourceRequest; replicas: number }[],
  nodes: NodeCapacity[],
): Map<string, number> {
  const total = totalsOf({ nodes });
  const amounts = new Map<string, typeof total>();
  for (const { project, resources, replicas } of held) {
    const sum = amounts.get(project) ?? { gpus: 0, cpuMillis: 0, memoryBytes: 0 };
    sum.gpus += gpusCounted(resources) * replicas;
    sum.cpuMillis += resources.cpuMillis * replicas;
    sum.memoryBytes += resources.memoryBytes * replicas;
    amounts.set(project, sum);
  }
  return new Map([...amounts].map(([name, sum]) => [name, dominantShare(sum, total)]));
}

/** The projects with what they have used; one that used something and is not configured has weight 1 and no quota. */
export function withUsage(configured: readonly Omit<ProjectShare, "usage">[], usages: ReadonlyMap<string, DecayedUsage>): ProjectShare[] {
  const usage = (name: string) => usages.get(name)?.value ?? 0;
  const known = new Set(configured.map(({ name }) => name));
  const plain = [...usages.keys()].filter((name) => !known.has(name)).sort();
  return [
    ...configured.map((project) => ({ ...project, usage: usage(project.name) })),
    ...plain.map((name) => ({ name, parent: null, weight: 1, guaranteedGpus: 0, limits: { ...NO_LIMITS }, usage: usage(name) })),
  ];
}
