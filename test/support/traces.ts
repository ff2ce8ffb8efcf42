import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A file of test/fixtures/traces, unpacked. */
export function traceText(name: string): string {
  const path = new URL(`../fixtures/traces/${name}`, import.meta.url);
  const bytes = readFileSync(path);
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** Rows of a small CSV file by column name. */
export function traceTable(name: string): Record<string, string>[] {
  const [header = "", ...lines] = traceText(name).trim().split("\n");
  const columns = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, index) => [columns[index] ?? "", cell])));
}
