import type { Check, CheckLevel } from "../../node/platform/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { Listing } from "./formats.ts";
import { paint, type Style } from "./style.ts";

const STYLES: Record<CheckLevel, Style> = { ok: "green", warn: "yellow", fail: "red" };
const ORDER: readonly CheckLevel[] = ["fail", "warn", "ok"];

/** The table of `berth doctor`. */
export function checkListing(): Listing<Check> {
  return {
    columns: [
      { title: "CHECK", value: (check) => check.title },
      { title: "RESULT", value: (check) => ({ text: check.level, style: STYLES[check.level] }) },
      { title: "FOUND", value: (check) => check.found },
    ],
    wide: [],
    name: (check) => `${check.level}/${check.id}`,
    empty: "no checks",
  };
}

/** What is not well, what it means, and what to do: too long for a column. */
export function printMeanings(io: CliIo, checks: readonly Check[]): void {
  const notable = checks.filter((check) => check.meaning !== null);
  for (const check of notable.toSorted((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level))) {
    io.stdout.write(
      `\n${paint(check.level === "ok" ? "note:" : `${check.level}:`, STYLES[check.level], io.colour.stdout)} ${check.title}: ${check.meaning}\n`,
    );
    if (check.fix !== null) io.stdout.write(`  fix: ${check.fix}\n`);
  }
  const count = (level: CheckLevel) => checks.filter((check) => check.level === level).length;
  io.stdout.write(`\n${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures\n`);
}
