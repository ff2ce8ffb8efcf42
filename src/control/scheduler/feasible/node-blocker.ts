import { formatBytes, type PlacementRules } from "../../../shared/domain/index.ts";
import type { NodeCapacity, PendingJob } from "../snapshot.ts";

/** The closed set of reasons a node cannot take a job now: the label of a metric. */
export type BlockerKind =
  | "away"
  | "closed"
  | "reserved"
  | "excluded"
  | "failed-before"
  | "architecture"
  | "userns"
  | "labels"
  | "taint"
  | "disk"
  | "gpu-model"
  | "gpu-memory"
  | "gpu-capability"
  | "driver"
  | "gpu-unhealthy"
  | "gpu-count"
  | "cpu-size"
  | "memory-size"
  | "mig-profile"
  | "mps"
  | "gpu-busy"
  | "gpu-shared"
  | "cpu-busy"
  | "memory-busy"
  | "port-taken"
  | "held"
  | "topology";

export interface Blocker {
  kind: BlockerKind;
  /** Evidence in words, equal on nodes that are blocked alike: "driver 535.1 < 550". */
  detail: string;
}

type Rule = (node: NodeCapacity, rules: PlacementRules, job: PendingJob) => Blocker | null;

/** Ready, and no operator or quarantine keeps new jobs from it. */
export function isOpen({ state, closed }: Pick<NodeCapacity, "state" | "closed">): boolean {
  return state === "ready" && closed === undefined;
}

/**
 * Why the node as such (not what is free on it) may not take the job; null when it may. A node whose labels, taints or
 * disk are unknown is one without them.
 */
export function nodeBlocker(node: NodeCapacity, job: PendingJob): Blocker | null {
  if (node.closed !== undefined) return { kind: "closed", detail: node.closed };
  return windowBlocker(node, job) ?? ruleBlocker(node, job);
}

/** The operator keeps the node for others, or for maintenance, while the job might run. */
export function windowBlocker({ windows }: NodeCapacity, { barredBy }: PendingJob): Blocker | null {
  if (windows === undefined || barredBy === undefined) return null;
  const window = windows.find(({ name }) => barredBy.includes(name));
  return window === undefined ? null : { kind: "reserved", detail: window.words };
}

/** As `nodeBlocker`, for a node that an operator may open again. */
export function ruleBlocker(node: NodeCapacity, job: PendingJob): Blocker | null {
  const avoided = job.avoid?.find(({ nodeId, gpuUuid }) => nodeId === node.id && gpuUuid === null);
  if (avoided !== undefined) return { kind: "failed-before", detail: `failed this job before: ${avoided.why}` };
  const unable = architectureBlocker(node, job) ?? usernsBlocker(node, job);
  if (unable !== null) return unable;
  const rules = job.rules;
  if (rules === undefined) return untolerated(node, []);
  for (const rule of RULES) {
    const blocker = rule(node, rules, job);
    if (blocker !== null) return blocker;
  }
  return null;
}

/** A node that does not say what it is gets the job, and judges. */
function architectureBlocker({ architecture }: NodeCapacity, { imageArchitectures }: PendingJob): Blocker | null {
  if (imageArchitectures === undefined || architecture === undefined || imageArchitectures.includes(architecture)) return null;
  return {
    kind: "architecture",
    detail: `CPU architecture ${architecture}, the image is for ${imageArchitectures.slice(0, 4).join(", ")}`,
  };
}

/** A node that does not say which it has gets the job, and judges. */
function usernsBlocker({ usernsModes }: NodeCapacity, { userns }: PendingJob): Blocker | null {
  if (userns === undefined || usernsModes === undefined || usernsModes.includes(userns)) return null;
  return { kind: "userns", detail: userns === "private" ? "without user namespaces" : "closed to the host's user namespace" };
}

const RULES: readonly Rule[] = [
  (node, { excludedNodes }) =>
    excludedNodes.includes(node.name) || excludedNodes.includes(node.id) ? { kind: "excluded", detail: "excluded by the job" } : null,
  (node, { architecture }) =>
    architecture === null || node.architecture === architecture
      ? null
      : { kind: "architecture", detail: `CPU architecture ${node.architecture ?? "unknown"}, not ${architecture}` },
  (node, { nodeSelector }) => {
    const missing = Object.entries(nodeSelector).find(([key, value]) => labelOf(node, key) !== value);
    return missing === undefined ? null : { kind: "labels", detail: `without label ${missing[0]}=${missing[1]}` };
  },
  (node, { sameLabel, spreadLabel }) => {
    const missing = [sameLabel, spreadLabel].find((key) => key !== null && labelOf(node, key) === undefined);
    return missing == null ? null : { kind: "labels", detail: `without label ${missing}` };
  },
  (node, { tolerations }) => untolerated(node, tolerations),
  (node, { diskBytes }) =>
    diskBytes === null || (node.diskFreeBytes ?? 0) >= diskBytes
      ? null
      : { kind: "disk", detail: `less than ${formatBytes(diskBytes)} of disk free` },
];

function untolerated(node: NodeCapacity, tolerations: PlacementRules["tolerations"]): Blocker | null {
  const taint = node.taints?.find(
    ({ key, value }) =>
      !tolerations.some((toleration) => toleration.key === key && (toleration.value === null || toleration.value === value)),
  );
  return taint === undefined ? null : { kind: "taint", detail: `tainted ${taint.key}${taint.value === "" ? "" : `=${taint.value}`}` };
}

/** A label's value; a job cannot name what every object has by birth. */
export function labelOf(node: NodeCapacity, key: string): string | undefined {
  return node.labels !== undefined && Object.hasOwn(node.labels, key) ? node.labels[key] : undefined;
}
