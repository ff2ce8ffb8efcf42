export interface IgnoreRules {
  /** True when the path (relative, "/" separated) is left out. */
  ignores(path: string): boolean;
  /** True when nothing below the folder can be wanted, so that it need not be read. */
  prunes(folder: string): boolean;
}

interface Rule {
  segments: readonly string[];
  negated: boolean;
}

/**
 * .dockerignore as Docker reads it: patterns of path segments with *, ?, [..] and **, "!" takes back, the last match
 * decides, and a pattern matches everything below what it names.
 */
export function ignoreRules(text: string): IgnoreRules {
  const rules = text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseRule)
    .filter((rule) => rule.segments.length > 0);
  const anyNegated = rules.some((rule) => rule.negated);
  const ignores = (path: string) => {
    const segments = path.split("/");
    return rules.reduce(
      (ignored, rule) => (rule.negated === ignored && matchesPrefix(rule.segments, segments) ? !rule.negated : ignored),
      false,
    );
  };
  return { ignores, prunes: (folder) => !anyNegated && ignores(folder) };
}

function parseRule(line: string): Rule {
  const negated = line.startsWith("!");
  const segments = (negated ? line.slice(1).trim() : line).split("/").filter((segment) => segment !== "" && segment !== ".");
  return { segments, negated };
}

/** True when the pattern matches the path or one of its parent folders. */
function matchesPrefix(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.length === 0) return true;
  const [first = "", ...rest] = pattern;
  if (first === "**") {
    // "a/**" is everything below a, but not a itself.
    if (rest.length === 0) return path.length > 0;
    return path.some((_, index) => matchesPrefix(rest, path.slice(index)));
  }
  return path.length > 0 && segmentPattern(first).test(path[0] ?? "") && matchesPrefix(rest, path.slice(1));
}

/** Go's filepath.Match for one segment. Runs of * are one *, so that matching cannot explode. */
function segmentPattern(segment: string): RegExp {
  const source = segment.replace(/\*+/g, "*").replace(/\\(.)|\[\^?[^\]]*\]|[*?]|[.+^${}()|[\]\\]/g, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return escapeLiteral(escaped);
    if (part === "*") return "[^/]*?";
    if (part === "?") return "[^/]";
    return part.length > 2 && part.startsWith("[") ? part : escapeLiteral(part);
  });
  return new RegExp(`^${source}$`, "s");
}

function escapeLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
