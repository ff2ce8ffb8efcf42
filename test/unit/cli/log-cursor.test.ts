import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogRecord } from "../../../src/cli/client/api-client.ts";
import { compareTimes, logCursor } from "../../../src/cli/follow/log-cursor.ts";
import { logPrinter } from "../../../src/cli/follow/log-printer.ts";
import { capturedIo } from "./samples.ts";

function record(rank: number, nanoseconds: number, text: string, partial = false): LogRecord {
  const time = `2026-03-01T00:00:00.${String(nanoseconds).padStart(9, "0")}Z`;
  return { rank, stream: "stdout", time, text, partial };
}

test("times are ordered to the nanosecond, whatever their offset", () => {
  expect(compareTimes("2026-03-01T00:00:00.000000001Z", "2026-03-01T00:00:00.000000002Z")).toBe(-1);
  expect(compareTimes("2026-03-01T01:00:00.5+01:00", "2026-03-01T00:00:00.500000000Z")).toBe(0);
});

test("however often the stream breaks and wherever it is asked for again, every record shows once and in order", () => {
  const logs = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 3 })), { maxLength: 60 });
  fc.assert(
    fc.property(logs, fc.array(fc.nat(70), { maxLength: 6 }), fc.boolean(), (steps, breaks, coarse) => {
      let now = 0;
      const log = steps.map(([rank, pause], index) => {
        now += pause * 400_000;
        return record(rank, now, `${index}`);
      });
      const cursor = logCursor();
      const shown: LogRecord[] = [];
      for (const length of [...breaks, log.length]) {
        const since = cursor.since();
        cursor.reopen();
        // A server may cut `since` to milliseconds: it then gives more than was asked for, never less.
        const from = since === undefined ? "1970-01-01T00:00:00Z" : coarse ? new Date(Date.parse(since)).toISOString() : since;
        const stream = log.slice(0, length).filter((entry) => compareTimes(entry.time, from) >= 0);
        shown.push(...stream.filter((entry) => cursor.accept(entry)));
      }
      for (const rank of [0, 1, 2]) {
        expect(shown.filter((entry) => entry.rank === rank)).toEqual(log.filter((entry) => entry.rank === rank));
      }
    }),
  );
});

test("a single replica's output goes out byte for byte, unfinished lines too", () => {
  const captured = capturedIo();
  const printer = logPrinter(captured.io, { prefix: false, timestamps: false });
  printer.print(record(0, 1, "50%\r", true));
  printer.print({ ...record(0, 2, "oops"), stream: "stderr" });
  printer.print(record(0, 3, "100%"));
  expect(captured.stdout()).toBe("50%\r100%\n");
  expect(captured.stderr()).toBe("oops\n");
});

test("lines of a gang are whole and bear their rank", () => {
  const captured = capturedIo();
  const printer = logPrinter(captured.io, { prefix: true, timestamps: false });
  printer.print(record(0, 1, "begin ", true));
  printer.print(record(1, 2, "other"));
  printer.print(record(0, 3, "end"));
  printer.print(record(1, 4, "last", true));
  printer.close();
  expect(captured.stdout()).toBe("[rank 1] other\n[rank 0] begin end\n[rank 1] last\n");
});
