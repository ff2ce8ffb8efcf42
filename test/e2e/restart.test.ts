import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { expectOneWholeRun, startCounting } from "../support/counting-job.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

let berth: Berth;

beforeEach(async () => {
  berth = await Berth.start();
  await loadTinyImage(berth);
});
afterEach(() => berth?.dispose());

test("after kill -9 of the whole tree and a restart the container is adopted and queued jobs are still there", async () => {
  const id = await startCounting(berth);
  const waiting = await berth.submit({ name: "waiting", command: ["true"], resources: { gpus: 1 } });
  await berth.killTree();
  await berth.up();
  await expectOneWholeRun(berth, id);
  expect((await berth.job(waiting)).state).toBe("pending");
});

test("a job that ends while everything is down is reported with its exit code after the restart", async () => {
  const script = "echo going; while [ ! -e /data/go ]; do sleep 0.1; done; echo gone; exit 9";
  const id = await berth.submit({ name: "brief", command: ["sh", "-c", script], volumes: { brief: "/data" } });
  await until("its first line", 60, async () => (await berth.logLines(id)).includes("going"));
  await berth.killTree();
  await writeFile(join(berth.dataDir, "volumes/brief/data/go"), "");
  await until("the program to end", 60, async () =>
    (await readFile(join(berth.dataDir, "containers", `job-${id}-1-0`, "log"), "utf8")).includes("gone"),
  );
  await berth.up();
  const job = await berth.waitFor(id, "failed");
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 9 });
  expect(await berth.logLines(id)).toEqual(["going", "gone"]);
});

test("stopping with SIGTERM ends cleanly, and a job goes on in the next `berth up`", async () => {
  const id = await startCounting(berth);
  expect(await berth.terminate()).toBe(0);
  await berth.up();
  await expectOneWholeRun(berth, id);
});

test("a second berth up on the same data dir is refused and names the holder", async () => {
  const second = await berth.cli("up", "--data-dir", berth.dataDir, "--listen", "127.0.0.1:0");
  expect(second.code).not.toBe(0);
  expect(second.stderr).toContain(String(berth.pid));
});
