import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { buildProgram } from "../../../src/cli/program.ts";
import { VERBS } from "../../../src/cli/verbs/catalogue.ts";
import { packageRoot } from "../../../src/node/platform/index.ts";
import { capturedIo } from "../cli/samples.ts";

const ROOT = packageRoot();
const FOLDERS = [".", "docs", "docs/adr", "bench", "examples/digits", "charts/berth"];
const DOCUMENTS = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => relative(ROOT, join(ROOT, folder, name))),
);
const program = await buildProgram(capturedIo({}).io, VERBS);
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };

const read = (document: string) => readFileSync(join(ROOT, document), "utf8");

/** Fenced and indented lines, and what stands between backticks. */
function codeOf(text: string): string[] {
  const fenced = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => block.split("\n"));
  const rest = text.replace(/^```[\s\S]*?^```/gm, "");
  const indented = [...rest.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = ""]) => line);
  const inline = [...rest.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...fenced, ...indented, ...inline];
}

/** The commands of a line of shell, each as its words. */
function commandsOf(line: string): string[][] {
  return line
    .replace(/\s#.*$/, "")
    .split(/\s*(?:;|&&|\||\$\()\s*/)
    .map((command) => command.replace(/^\$ /, "").match(/'[^']*'|"[^"]*"|\S+/g) ?? [])
    .map((words) => words.slice(words.findIndex((word) => !/^(?:sudo|[A-Z_]+=\S*)$/.test(word))));
}

const takesValue = (option: Option) => option.required || option.optional;

/** What the command line would not know of it; null when it is fine. */
function problemWith(words: readonly string[]): string | null {
  let command: Command = program;
  const known: Option[] = [...program.options];
  for (let index = 1; index < words.length; index += 1) {
    const word = (words[index] ?? "").replace(/^\[|[\],.]+$/g, "");
    if (word.startsWith("-") && word.length > 1) {
      const [name = ""] = word.split("=");
      if (["--help", "-h", "--", "--..."].includes(name)) return null;
      const option = known.find(({ long, short }) => long === name || short === name);
      if (option === undefined) return `${command.name()} has no ${name}`;
      if (takesValue(option) && !word.includes("=")) index += 1;
      continue;
    }
    const below = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (below !== undefined) {
      command = below;
      known.push(...below.options);
    } else if (command.commands.length > 0 && command.registeredArguments.length === 0)
      return /^[a-z]/.test(word) && word !== "help" ? `${command.name()} has no ${word}` : null;
    // What follows the image is the container's command line.
    else if (command.name() === "run") return null;
  }
  return null;
}

describe.each(DOCUMENTS)("%s", (document) => {
  const text = read(document);

  test("has links that lead somewhere", () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link));
    const dead = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchorsOf(read(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test("shows commands and options that Berth has", () => {
    const commands = codeOf(text).flatMap(commandsOf);
    const problems = commands.filter(([first]) => first === "berth").map((words) => [words.join(" "), problemWith(words)]);
    expect(problems.filter(([, problem]) => problem !== null)).toEqual([]);
  });

  test("names npm scripts and files that are there", () => {
    const named = [...text.matchAll(/npm run ([a-z:]+[a-z])/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => scripts[name] === undefined && !Object.keys(scripts).some((one) => one.startsWith(`${name}:`)))).toEqual(
      [],
    );
    const files = codeOf(text).filter((code) => /^(?:src|test|scripts|docs|hooks|native|bench|examples|charts)\/[\w./-]+\.\w+$/.test(code));
    expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test("the changelog keeps its form", () => {
  const lines = read("CHANGELOG.md").split("\n");
  expect(lines[0]).toBe("# Changelog");
  const releases = lines.filter((line) => line.startsWith("## "));
  expect(releases.filter((line) => !/^## (?:\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d)$/.test(line))).toEqual([]);
  for (const release of read("CHANGELOG.md").split(/^## /m).slice(1)) {
    const kinds = release.split("\n").filter((line) => line.startsWith("### "));
    expect(kinds.filter((line) => !/^### (?:Added|Changed|Deprecated|Removed|Fixed|Security)$/.test(line))).toEqual([]);
    expect(new Set(kinds).size).toBe(kinds.length);
    const entries = release
      .split("\n")
      .slice(1)
      .filter((line) => line !== "" && !line.startsWith("### "));
    expect(entries.filter((line) => !/^(?:- | {2}\S)/.test(line))).toEqual([]);
  }
});

test("each decision has a number of its own, the one of its heading", () => {
  const names = readdirSync(join(ROOT, "docs/adr"));
  const numbers = names.map((name) => Number(name.slice(0, 4)));
  expect(numbers).toEqual([...new Set(numbers)]);
  expect(names.map((name) => Number(/^# (\d+)\. /.exec(read(`docs/adr/${name}`))?.[1]))).toEqual(numbers);
});
