import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../../src/node/platform/index.ts";

const ROOT = packageRoot();
const TEST_FILES = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".test.ts"));

/** The rows of the table below a heading, each as its cells. */
function table(heading: string): string[][] {
  const text = readFileSync(join(ROOT, "docs/gpu.md"), "utf8").split(`${heading}\n`)[1] ?? "";
  const lines = text.split("\n").slice(text.split("\n").findIndex((line) => line.startsWith("|")));
  const rows = lines
    .slice(
      0,
      lines.findIndex((line) => !line.startsWith("|")),
    )
    .slice(2);
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const isTest = (path: string): boolean =>
  path.includes("/") ? existsSync(join(ROOT, path)) : TEST_FILES.some((file) => basename(file) === path);

describe("docs/gpu.md", () => {
  const features = table("## Features beside nvidia-container-toolkit");

  it("has a table of features", () => {
    expect(features.length).toBeGreaterThan(40);
  });

  it.each(features.map((row) => [row[0], row.at(-2) ?? "", row.at(-1) ?? ""]))(
    "names for %j a test or bench that exists",
    (_feature, berth, cited) => {
      if (!berth.startsWith("yes") && !/^\d/.test(berth)) return;
      const paths = cited.split(",").map((path) => path.trim());
      expect(paths.filter((path) => !isTest(path))).toEqual([]);
    },
  );

  const named = table("### Advisories as tests").flatMap(([advisory = "", , cell = ""]) => {
    let file = "";
    return [...cell.matchAll(/([a-z-]+\.test\.ts)|"([^"]+)"/g)].flatMap(([, path, name]) => {
      file = path ?? file;
      return name === undefined ? [] : [[advisory, file, name] as const];
    });
  });

  it("names tests of its advisories", () => {
    expect(named.length).toBeGreaterThan(10);
  });

  it.each(named)("names for %s a test of %s that is there: %s", (_advisory, file, name) => {
    const places = TEST_FILES.filter((path) => basename(path) === file);
    const texts = places.map((path) => readFileSync(join(ROOT, "test", path), "utf8"));
    // Three dots stand for the rest, or for what a table of cases fills in.
    const pieces = name
      .split("...")
      .map((piece) => piece.trim())
      .filter((piece) => piece !== "");
    expect(texts.some((text) => pieces.every((piece) => text.includes(piece)))).toBe(true);
  });
});
