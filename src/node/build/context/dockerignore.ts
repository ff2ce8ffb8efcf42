import { matchPath } from "./glob.ts";

/** Tells whether a path of the context is left out. */
export type Ignore = (path: string) => boolean;

interface Rule {
  keep: boolean;
  pattern: string[];
}

const NOTHING: Ignore = () => false;

/**
 * Reads a .dockerignore: a pattern a line, "#" comments, "!" takes paths back in; the last rule that matches a path or
 * one of its folders decides.
 */
export function parseDockerignore(text: string): Ignore {
  const rules = text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap(parseRule);
  return rules.length === 0 ? NOTHING : (path) => isIgnored(rules, path.split("/"));
}

function parseRule(line: string): Rule[] {
  const trimmed = line.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return [];
  const keep = trimmed.startsWith("!");
  const pattern = (keep ? trimmed.slice(1) : trimmed)
    .split("/")
    .map((part) => part.trim())
    .filter((part) => part !== "" && part !== ".");
  return pattern.length === 0 ? [] : [{ keep, pattern }];
}

function isIgnored(rules: readonly Rule[], path: readonly string[]): boolean {
  let ignored = false;
  for (const rule of rules) {
    if (rule.keep === ignored && matchesPathOrFolder(rule.pattern, path)) ignored = !rule.keep;
  }
  return ignored;
}

function matchesPathOrFolder(pattern: readonly string[], path: readonly string[]): boolean {
  return path.some((_, index) => matchPath(pattern, path.slice(0, index + 1)));
}
