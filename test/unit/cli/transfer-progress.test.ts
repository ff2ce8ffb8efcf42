import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { CliIo } from "../../../src/cli/cli-io.ts";
import { transferPrinter } from "../../../src/cli/output/transfer-progress.ts";
import { capturedIo } from "./samples.ts";

const MIB = 1024 * 1024;

/** An io whose monotonic clock the test moves. */
function timed(interactive: boolean) {
  const captured = capturedIo();
  let now = 0;
  const io: CliIo = { ...captured.io, interactive, clock: { ...captured.io.clock, monotonic: () => now } };
  return {
    io,
    err: async () => {
      await setImmediate();
      return captured.stderr();
    },
    advance: (ms: number) => (now += ms),
  };
}

describe("progress of a transfer", () => {
  test("without a terminal is a line for each layer that is done", async () => {
    const { io, err } = timed(false);
    const printer = transferPrinter(io);
    printer.show({ step: "resolve", detail: "debian" });
    printer.show({ step: "download", detail: "aaaa", current: 1, total: 2 * MIB });
    printer.show({ step: "downloaded", detail: "aaaa", current: 2 * MIB, total: 2 * MIB });
    printer.show({ step: "exists", detail: "bbbb", current: 3, total: 3 });
    printer.close();
    expect(await err()).toBe("resolve: debian\ndownloaded aaaa 2.0 MiB\nexists bbbb 3 B\n");
  });

  test("on a terminal is a block that is drawn again, with rate and time left", async () => {
    const { io, err, advance } = timed(true);
    const printer = transferPrinter(io);
    printer.show({ step: "download", detail: "aaaa", current: 0, total: 40 * MIB });
    advance(1000);
    printer.show({ step: "download", detail: "aaaa", current: 10 * MIB, total: 40 * MIB });
    expect(await err()).toContain("\u001b[1A\u001b[J");
    expect(await err()).toContain("aaaa  download   10.0 MiB of 40.0 MiB  10.0 MiB/s  3s left\n");
    printer.show({ step: "unpack", detail: "a", current: 1, total: 2 });
    expect(await err()).toMatch(/unpack 1\/2: a\naaaa {2}download/);
  });

  test("shows no control characters of a registry", async () => {
    const { io, err } = timed(false);
    transferPrinter(io).show({ step: "resolve", detail: "a\u001b[2Jb" });
    expect(await err()).not.toContain("\u001b");
  });
});
