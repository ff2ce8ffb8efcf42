import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Row } from "../measure.ts";
import { report } from "../report.ts";

/** One part of the scheduler's figures. */
export interface BenchPart {
  name: string;
  rows: Row[];
  notes: string[];
  /** Its section of bench/scheduler/RESULTS.md. */
  markdown: string;
}

const FILE = "bench/scheduler/RESULTS.md";
const INTRO = "# The scheduler's figures\n\nMade by `npm run bench:scheduler`; `BENCH_PARTS=placement,muri` makes only these anew.\n";

/** Writes the rows as topic `scheduler-<part>` and replaces the part's section of RESULTS.md. */
export function publish(part: BenchPart): void {
  report(`scheduler-${part.name}`, part.rows, part.notes);
  const [begin, end] = [`<!-- ${part.name} -->\n`, `<!-- end of ${part.name} -->\n`];
  const before = existsSync(FILE) ? readFileSync(FILE, "utf8") : INTRO;
  const section = `${begin}${part.markdown.trimEnd()}\n${end}`;
  const start = before.indexOf(begin);
  const stop = before.indexOf(end);
  const after = start === -1 || stop === -1 ? `${before}\n${section}` : before.slice(0, start) + section + before.slice(stop + end.length);
  writeFileSync(FILE, after);
}
