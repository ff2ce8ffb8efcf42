import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";

const CLI = resolve(import.meta.dirname, "../../../src/cli");
/** What takes as long to load as all the rest of a short command: a verb that needs one imports it when it runs. */
const HEAVY = ["typebox", "fastify", "bullmq", "ioredis", "undici", "pino", "prom-client", "systeminformation", "ajv"];

const CATALOGUE = readFileSync(resolve(CLI, "verbs/catalogue.ts"), "utf8");
const VERB_FILES = [...new Set([...CATALOGUE.matchAll(/import\("(\.\/[^"]+)"\)/g)].map(([, path]) => path ?? ""))];

test.each(VERB_FILES)("%s is defined without loading a heavy package", (file) => {
  const reached = reachedFrom(resolve(CLI, "verbs", file));
  expect(reached.size).toBeGreaterThan(3);
  expect(Object.fromEntries([...reached].filter(([name]) => HEAVY.includes(name.split("/")[0] ?? "")))).toEqual({});
});

/** Every module that loads with this one -> who asked for it. Types are erased, `await import` comes later. */
function reachedFrom(entry: string): Map<string, string> {
  const reached = new Map([[entry, ""]]);
  for (const [file] of reached) {
    if (!file.endsWith(".ts")) continue;
    for (const specifier of staticImports(file)) {
      const target = specifier.startsWith(".") ? resolve(dirname(file), specifier) : specifier;
      if (!reached.has(target)) reached.set(target, file);
    }
  }
  return reached;
}

const imports = new Map<string, string[]>();

function staticImports(file: string): string[] {
  const known = imports.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(file, "utf8").replace(/^(?:import|export) type [^;]*;/gm, "");
  const found = source.matchAll(/^(?:import|export) [^;]*?from "([^"]+)";|^import "([^"]+)";/gm);
  const specifiers = [...found].map(([, from, bare]) => from ?? bare ?? "");
  imports.set(file, specifiers);
  return specifiers;
}
