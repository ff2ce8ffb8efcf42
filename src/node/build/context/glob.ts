/**
 * Matches a path against a pattern, both split at "/". In a component "*" is any run of characters, "?" one, "[a-z]" and
 * "[^a-z]" one of a set, "\" takes the next character as it is (Go's filepath.Match); a component "**" is any number of
 * components, none included. No regular expression is built: time stays below pattern length x path length.
 */
export function matchPath(pattern: readonly string[], path: readonly string[]): boolean {
  // reachable[i]: the pattern up to here matches the path's first i components.
  let reachable = [true, ...path.map(() => false)];
  for (const component of pattern) {
    const next = reachable.map(() => false);
    for (let i = 0; i < reachable.length; i++) {
      if (component === "**") next[i] = reachable[i] === true || (i > 0 && next[i - 1] === true);
      else if (i > 0) next[i] = reachable[i - 1] === true && matchName(component, path[i - 1] as string);
    }
    reachable = next;
  }
  return reachable.at(-1) === true;
}

/** True when a path component has a character that makes it a pattern. */
export function isPattern(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** One component: on a mismatch the last "*" takes one more character, which is enough. */
export function matchName(pattern: string, name: string): boolean {
  let [p, n, starAt, starTook] = [0, 0, -1, 0];
  while (n < name.length) {
    const item = p < pattern.length ? itemAt(pattern, p) : null;
    if (item?.kind === "star") {
      starAt = p;
      starTook = n;
      p = item.next;
    } else if (item?.matches(name[n] as string)) {
      p = item.next;
      n++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      n = ++starTook;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

type Item = { kind: "star"; next: number; matches(char: string): boolean } | { kind: "one"; next: number; matches(char: string): boolean };

function itemAt(pattern: string, at: number): Item {
  const char = pattern[at] as string;
  if (char === "*") return { kind: "star", next: at + 1, matches: () => true };
  if (char === "?") return { kind: "one", next: at + 1, matches: () => true };
  if (char === "[") return setAt(pattern, at) ?? literal(char, at + 1);
  if (char === "\\" && at + 1 < pattern.length) return literal(pattern[at + 1] as string, at + 2);
  return literal(char, at + 1);
}

function literal(char: string, next: number): Item {
  return { kind: "one", next, matches: (candidate) => candidate === char };
}

/** "[abc]", "[a-z0-9]", "[^a]"; null when it is not closed, which makes "[" an ordinary character. */
function setAt(pattern: string, at: number): Item | null {
  const close = pattern.indexOf("]", at + 2);
  if (close < 0) return null;
  const inverted = pattern[at + 1] === "^" || pattern[at + 1] === "!";
  const body = pattern.slice(at + (inverted ? 2 : 1), close);
  const ranges = [...body.matchAll(/(.)-(.)|(.)/gs)].map((match) => [match[1] ?? match[3], match[2] ?? match[3]] as [string, string]);
  const contains = (char: string) => ranges.some(([low, high]) => char >= low && char <= high);
  return { kind: "one", next: close + 1, matches: (char) => contains(char) !== inverted };
}
