import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadNative } from "../../../src/node/platform/index.ts";

const folder = mkdtempSync(join(tmpdir(), "addon-"));
afterAll(() => rmSync(folder, { recursive: true }));

function addon(source: string): string {
  const path = join(folder, `addon-${source.length}.cjs`);
  writeFileSync(path, source);
  return path;
}

test("an addon of an older checkout is refused when it is loaded, with the calls that it lacks and what to do", () => {
  const older = addon("module.exports = { mount() {}, unmount() {}, openRoot() {}, nvml: {} };");
  expect(() => loadNative(older)).toThrow(/is older than this checkout: it has no mountOverlay, .*: npm run build:native/);
});

test("an addon that is not there, or does not load, says which and what to do", () => {
  expect(() => loadNative(join(folder, "none.node"))).toThrow(/is missing: npm run build:native/);
  expect(() => loadNative(addon("throw new Error('built for another Node');"))).toThrow(/does not load: built for another Node/);
});
