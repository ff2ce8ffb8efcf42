import { BerthError } from "../../../../shared/domain/index.ts";
import {
  compareVersions,
  isVersion,
  type Requirement,
  type RequirementRule,
  satisfies,
} from "../../../../shared/gpu-requirements/index.ts";

/** What a requirement is held against. Null and [] stand for "not known": rules about it hold, as in libnvidia-container. */
export interface RequirementFacts {
  cuda: string | null;
  driver: string | null;
  /** Compute capability, "9.0". */
  arch: string | null;
  /** Lower case; a GPU is of one of them. */
  brands: readonly string[];
  /** Of which GPU: for messages. */
  gpu: string;
}

export interface RequirementResult {
  variable: string;
  expression: string;
  /** The GPU it was held against. */
  gpu: string;
  holds: boolean;
  /** The term that holds; null when none does, or nothing is asked. */
  heldBy: string | null;
  /** For each term that does not hold, its first rule that fails and what is there instead. */
  failures: string[];
}

const LONGEST_EXPRESSION = 600;
const MOST_FAILURES = 4;

/** Pure. */
export function evaluateRequirement(requirement: Requirement, facts: RequirementFacts): RequirementResult {
  const failing = requirement.terms.map((term) => term.find((rule) => !ruleHolds(rule, facts)));
  const held = failing.indexOf(undefined);
  return {
    variable: requirement.variable,
    expression: requirement.expression,
    gpu: facts.gpu,
    holds: requirement.terms.length === 0 || held >= 0,
    heldBy: held < 0 ? null : (requirement.terms[held] ?? []).map((rule) => rule.text).join(","),
    failures: failing.flatMap((rule) => (rule === undefined ? [] : [`${rule.text} (${rule.property} is ${factText(rule, facts)})`])),
  };
}

/** @throws BerthError gpu_requirement_unmet for the first that does not hold */
export function assertRequirements(results: readonly RequirementResult[]): void {
  const unmet = results.find((result) => !result.holds);
  if (unmet) throw new BerthError("gpu_requirement_unmet", unmetText(unmet));
}

/** `NVIDIA_REQUIRE_CUDA="cuda>=99" is not met by GPU 0 (GPU-...): cuda>=99 (cuda is 12.4)` */
export function unmetText({ variable, expression, gpu, failures }: RequirementResult): string {
  const whole = expression.length > LONGEST_EXPRESSION ? `${expression.slice(0, LONGEST_EXPRESSION)}...` : expression;
  const more = failures.length > MOST_FAILURES ? ` and ${failures.length - MOST_FAILURES} more` : "";
  return `${variable}=${JSON.stringify(whole)} is not met by ${gpu}: ${failures.slice(0, MOST_FAILURES).join(", ")}${more}`;
}

function ruleHolds(rule: RequirementRule, facts: RequirementFacts): boolean {
  if (rule.property === "brand") return brandHolds(rule, facts.brands);
  const fact = facts[rule.property];
  return fact === null || !isVersion(fact) || satisfies(compareVersions(fact, rule.value), rule.comparison);
}

function brandHolds(rule: RequirementRule, brands: readonly string[]): boolean {
  if (brands.length === 0) return true;
  const wanted = rule.value.toLowerCase();
  return rule.comparison === "=" ? brands.includes(wanted) : brands.some((brand) => brand !== wanted);
}

function factText(rule: RequirementRule, facts: RequirementFacts): string {
  return rule.property === "brand" ? facts.brands.join(" or ") : (facts[rule.property] ?? "not known");
}
