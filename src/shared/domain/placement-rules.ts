/** ">=" and its kin between dotted versions: 12.10 is above 12.9; missing parts count as 0. */
export type VersionOperator = ">=" | ">" | "=" | "!=" | "<=" | "<";

/** One condition on a GPU or its driver. `value` is a dotted version; for `brand` a word of the GPU's name. */
export interface GpuCondition {
  subject: "driver" | "cuda" | "compute-capability" | "brand";
  operator: VersionOperator;
  value: string;
}

/** Keeps jobs away from a node unless they tolerate it. Running ones stay. */
export interface Taint {
  key: string;
  value: string;
}

/** A taint that the job puts up with; a null value tolerates every value of the key. */
export interface Toleration {
  key: string;
  value: string | null;
}

/** Which nodes a job may use and how its replicas lie on them. */
export interface PlacementRules {
  /** "amd64", "arm64"; null takes any. */
  architecture: string | null;
  /** Free space below the node's data folder, bytes. */
  diskBytes: number | null;
  /** Every one must match the node's labels. */
  nodeSelector: Record<string, string>;
  tolerations: Toleration[];
  /** Node names. */
  excludedNodes: string[];
  /** Most replicas on one node. */
  maxPerNode: number | null;
  /** All replicas on nodes with the same value of this label (a rack, a switch). */
  sameLabel: string | null;
  /** Replicas spread over the values of this label: no two values differ by more than one replica. */
  spreadLabel: string | null;
}

/** A job without wishes. */
export const NO_RULES: PlacementRules = {
  architecture: null,
  diskBytes: null,
  nodeSelector: {},
  tolerations: [],
  excludedNodes: [],
  maxPerNode: null,
  sameLabel: null,
  spreadLabel: null,
};

/** Left minus right, part by part as numbers. */
export function compareVersions(left: string, right: string): number {
  const [leftParts, rightParts] = [left.split("."), right.split(".")];
  for (let part = 0; part < Math.max(leftParts.length, rightParts.length); part += 1) {
    const difference = Number(leftParts[part] ?? 0) - Number(rightParts[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Compares dotted versions part by part as numbers; a missing part is 0. */
export function versionHolds(actual: string, operator: VersionOperator, wanted: string): boolean {
  const order = compareVersions(actual, wanted);
  switch (operator) {
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<=":
      return order <= 0;
    case "<":
      return order < 0;
  }
}
