import { describe, expect, it } from "vitest";
import { parseDockerignore } from "../../../src/node/build/context/dockerignore.ts";
import { matchName, matchPath } from "../../../src/node/build/context/glob.ts";

describe("a pattern", () => {
  it.each([
    ["*.py", "a.py", true],
    ["*.py", "a.pyc", false],
    ["a?c", "abc", true],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["a\\*b", "a*b", true],
    ["a\\*b", "axb", false],
    ["a*b*c", "aXbYbc", true],
    ["[", "[", true],
    ["*", "", true],
  ])("%s on %s: %s", (pattern, name, matches) => {
    expect(matchName(pattern, name)).toBe(matches);
  });

  it.each([
    ["**/x", "x", true],
    ["**/x", "a/b/x", true],
    ["a/**", "a/b/c", true],
    ["a/**/c", "a/c", true],
    ["a/*", "a/b/c", false],
  ])("%s on the path %s: %s", (pattern, path, matches) => {
    expect(matchPath(pattern.split("/"), path.split("/"))).toBe(matches);
  });

  it("takes no longer however it is made to try again", () => {
    expect(matchName(`${"*a".repeat(100)}b`, "a".repeat(250))).toBe(false);
    expect(
      matchPath(
        Array.from({ length: 100 }, () => "**").concat("x"),
        Array.from({ length: 200 }, () => "a"),
      ),
    ).toBe(false);
  });
});

describe("a .dockerignore", () => {
  const ignored = parseDockerignore("# comment\n\n/build\n*.log\n!keep.log\n**/secret\ndocs/*\n!docs/README\n");

  it.each([
    ["build", true],
    ["build/out/x", true],
    ["a.log", true],
    ["keep.log", false],
    ["src/a.log", false],
    ["src/deep/secret", true],
    ["docs/a", true],
    ["docs/README", false],
    ["src/main.py", false],
  ])("%s: %s", (path, expected) => {
    expect(ignored(path)).toBe(expected);
  });
});
