import type { ProjectShare } from "../../scheduler/index.ts";

interface Part {
  name: string;
  weight: number;
  guaranteed: number;
  demand: number;
  parts: Part[];
}

/**
 * GPUs that each project is entitled to while they ask for so many: what is guaranteed to it first, then weighted max-min
 * fairness among siblings, level by level. Nobody is entitled to more than it asks for, and what one does not ask for is
 * the others'.
 * @param demand project -> GPUs that its jobs hold and wait for; projects that are not configured have weight 1
 */
export function entitledGpus(projects: readonly ProjectShare[], demand: ReadonlyMap<string, number>, gpus: number): Map<string, number> {
  const entitled = new Map<string, number>();
  share(tree(projects, demand), gpus, entitled);
  return entitled;
}

function share(parts: readonly Part[], gpus: number, entitled: Map<string, number>): void {
  const level = waterLevel(parts, gpus);
  for (const part of parts) {
    const own = partAt(part, level);
    entitled.set(part.name, own);
    if (part.parts.length > 0) share([...part.parts, { ...part, guaranteed: 0, demand: ownDemand(part), parts: [] }], own, entitled);
  }
}

function partAt({ demand, guaranteed, weight }: Part, level: number): number {
  return Math.min(demand, Math.max(guaranteed, level * weight));
}

/** The sum grows in straight pieces between the levels at which a part begins or ends to grow. */
function waterLevel(parts: readonly Part[], gpus: number): number {
  const sumAt = (level: number) => parts.reduce((sum, part) => sum + partAt(part, level), 0);
  const bends = parts
    .flatMap(({ demand, guaranteed, weight }) => [guaranteed / weight, demand / weight])
    .sort((left, right) => left - right);
  let low = 0;
  for (const high of bends) {
    const [below, above] = [sumAt(low), sumAt(high)];
    if (above > gpus) return below >= gpus ? low : low + ((gpus - below) / (above - below)) * (high - low);
    low = high;
  }
  return low;
}

function ownDemand({ demand, parts }: Part): number {
  return demand - parts.reduce((sum, part) => sum + part.demand, 0);
}

/** Sums go up: a project asks for what all below it ask for, and is guaranteed at least what they are. */
function tree(projects: readonly ProjectShare[], demand: ReadonlyMap<string, number>): Part[] {
  const known = new Set(projects.map(({ name }) => name));
  const below = (parent: string | null, above: readonly string[]): Part[] =>
    projects
      .filter(
        (project) =>
          (project.parent !== null && known.has(project.parent) ? project.parent : null) === parent && !above.includes(project.name),
      )
      .map(({ name, weight, guaranteedGpus }) => {
        const parts = below(name, [...above, name]);
        const sum = (value: (part: Part) => number) => parts.reduce((total, part) => total + value(part), 0);
        return {
          ...{ name, weight, parts, demand: (demand.get(name) ?? 0) + sum((part) => part.demand) },
          guaranteed: Math.max(
            guaranteedGpus,
            sum((part) => part.guaranteed),
          ),
        };
      });
  const plain = [...demand].filter(([name]) => !known.has(name));
  return [...below(null, []), ...plain.map(([name, asked]) => ({ name, weight: 1, guaranteed: 0, demand: asked, parts: [] }))];
}
