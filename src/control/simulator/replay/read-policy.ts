import { BerthError } from "../../../shared/domain/index.ts";
import {
  type ClusterSnapshot,
  FAIR_POLICY,
  NO_LIMITS,
  type ProjectShare,
  type QueueingPolicy,
  SERVICE_POLICY,
} from "../../scheduler/index.ts";

export type ReplayPolicy = Pick<ClusterSnapshot, "queueing" | "placement" | "projects">;

export const QUEUEING_NAMES = ["fair", "service"] as const;

const PLACEMENTS = ["pack", "spread"];

/**
 * A policy of JSON: {"queueing": "fair" | "service" | {"kind", numbers}, "placement": {"kind", "byPool"}, "projects": [{"name",
 * "parent", "weight", "quotaGpus", "limits"}]}.
 * @throws BerthError invalid_request, naming the field
 */
export function readPolicy(text: string): ReplayPolicy {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid_request", `the policy is not JSON: ${String(error)}`);
  }
  const { queueing = "fair", placement, projects } = fieldsOf(given, "the policy", ["queueing", "placement", "projects"]);
  return {
    queueing: queueingOf(queueing),
    ...(placement === undefined ? {} : { placement: placementOf(placement) }),
    ...(projects === undefined ? {} : { projects: projectsOf(projects) }),
  };
}

/** Null when no queueing policy has the name. */
export function queueingNamed(name: string): QueueingPolicy | null {
  if (name === "fair") return FAIR_POLICY;
  return name === "service" ? SERVICE_POLICY : null;
}

function queueingOf(value: unknown): QueueingPolicy {
  const named = queueingNamed(typeof value === "string" ? value : "");
  if (named !== null) return named;
  const { kind } = fieldsOf(value, "queueing", null);
  const base = queueingNamed(typeof kind === "string" ? kind : "");
  if (base === null) refuse(`queueing must be ${QUEUEING_NAMES.join(" or ")}, or an object with that as its kind`);
  const { kind: _kind, ...numbers } = fieldsOf(value, "queueing", Object.keys(base));
  for (const [name, number] of Object.entries(numbers)) numberOf(number, `queueing.${name}`, 0);
  return { ...base, ...numbers };
}

function placementOf(value: unknown): NonNullable<ReplayPolicy["placement"]> {
  const { kind = "pack", byPool = {} } = fieldsOf(value, "placement", ["kind", "byPool"]);
  for (const one of [kind, ...Object.values(fieldsOf(byPool, "placement.byPool", null))])
    if (!PLACEMENTS.includes(String(one))) refuse(`a placement must be ${PLACEMENTS.join(" or ")}, is ${JSON.stringify(one)}`);
  return value as NonNullable<ReplayPolicy["placement"]>;
}

function projectsOf(value: unknown): ProjectShare[] {
  if (!Array.isArray(value)) refuse("projects must be a list");
  const projects = value.map(projectOf);
  const byName = new Map(projects.map((project) => [project.name, project]));
  if (byName.size < projects.length) refuse("two projects have the same name");
  for (const { name, parent } of projects) {
    const path = [name];
    for (let above = parent; above !== null; above = byName.get(above)?.parent ?? null) {
      if (!byName.has(above)) refuse(`project ${name} has no parent ${above}`);
      if (path.includes(above)) refuse(`project ${name} would be below itself: ${[...path, above].join(" -> ")}`);
      path.push(above);
    }
  }
  return projects;
}

function projectOf(value: unknown): ProjectShare {
  const fields = fieldsOf(value, "a project", ["name", "parent", "weight", "quotaGpus", "limits"]);
  const { name, parent = null, weight = 1, quotaGpus = 0, limits = {} } = fields;
  if (typeof name !== "string" || name === "") refuse("a project must have a name");
  if (parent !== null && typeof parent !== "string") refuse(`the parent of project ${name} must be a name or null`);
  const given = fieldsOf(limits, `limits of project ${name}`, Object.keys(NO_LIMITS));
  for (const [limit, number] of Object.entries(given)) if (number !== null) numberOf(number, `${limit} of project ${name}`, 0);
  if (numberOf(weight, `the weight of project ${name}`, 0) === 0) refuse(`the weight of project ${name} must be above 0`);
  return {
    ...{ name, parent, weight: Number(weight), guaranteedGpus: numberOf(quotaGpus, `quotaGpus of project ${name}`, 0), usage: 0 },
    limits: { ...NO_LIMITS, ...given },
  };
}

function fieldsOf(value: unknown, what: string, known: readonly string[] | null): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(`${what} must be an object`);
  const unknown = Object.keys(value).find((key) => known !== null && !known.includes(key));
  if (unknown !== undefined) refuse(`${what} has an unknown field '${unknown}'`);
  return value as Record<string, unknown>;
}

function numberOf(value: unknown, what: string, least: number): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= least) return value;
  return refuse(`${what} must be a number not below ${least}, is ${JSON.stringify(value)}`);
}

function refuse(message: string): never {
  throw new BerthError("invalid_request", message);
}
