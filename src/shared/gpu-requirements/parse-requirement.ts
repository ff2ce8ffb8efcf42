import { boundedValue, invalid, quoted } from "./request-limits.ts";
import { type Comparison, isVersion } from "./version.ts";

export type RequirementProperty = "cuda" | "driver" | "arch" | "brand";

/** "driver>=470" */
export interface RequirementRule {
  property: RequirementProperty;
  comparison: Comparison;
  /** A version, or for `brand` a name. */
  value: string;
  text: string;
}

/** What one NVIDIA_REQUIRE_* variable asks: at least one term whose rules all hold. No term asks nothing. */
export interface Requirement {
  variable: string;
  expression: string;
  terms: RequirementRule[][];
}

const PROPERTIES: readonly string[] = ["cuda", "driver", "arch", "brand"] satisfies RequirementProperty[];
const COMPARISONS: readonly string[] = ["=", "!=", "<", "<=", ">", ">="] satisfies Comparison[];
/** The value begins with no operator, so the operator is read whole: "brand==x" has the operator "==", which there is not. */
const RULE = /^([^<>=!]+)([<>=!]+)([^<>=!].*)$/;

/**
 * `cuda>=12.4 brand=tesla,driver>=470,driver<471`: a space is "or", a comma "and", empty parts are nothing (libnvidia-container,
 * src/cli/dsl.c). The whole expression is read before any of it is judged: what is malformed fails even behind a term that holds.
 * @throws BerthError gpu_request_invalid naming the expression and the bad rule
 */
export function parseRequirement(variable: string, expression: string): Requirement {
  boundedValue(variable, expression);
  const terms = expression
    .split(" ")
    .map((term) => term.split(",").filter((rule) => rule !== ""))
    .filter((rules) => rules.length > 0)
    .map((rules) => rules.map((rule) => parseRule(rule, `${variable}=${quoted(expression)}`)));
  return { variable, expression, terms };
}

function parseRule(text: string, where: string): RequirementRule {
  const [, name = "", comparison = "", value = ""] = RULE.exec(text) ?? [];
  const property = name.toLowerCase();
  if (name === "") throw invalid(`${where}: ${quoted(text)} is not PROPERTY OPERATOR VALUE`);
  if (!isProperty(property)) throw invalid(`${where}: ${quoted(text)} asks for ${quoted(name)}; there are ${PROPERTIES.join(", ")}`);
  if (!isComparison(comparison))
    throw invalid(`${where}: ${quoted(text)} has the operator ${quoted(comparison)}; there are ${COMPARISONS.join(" ")}`);
  checkValue(property, comparison, value, `${where}: ${quoted(text)}`);
  return { property, comparison, value, text };
}

function checkValue(property: RequirementProperty, comparison: Comparison, value: string, where: string): void {
  if (property !== "brand") {
    if (!isVersion(value)) throw invalid(`${where}: ${quoted(value)} is no version`);
  } else if (comparison !== "=" && comparison !== "!=") {
    throw invalid(`${where}: a brand can only be = or !=`);
  }
}

function isProperty(text: string): text is RequirementProperty {
  return PROPERTIES.includes(text);
}

function isComparison(text: string): text is Comparison {
  return COMPARISONS.includes(text);
}
