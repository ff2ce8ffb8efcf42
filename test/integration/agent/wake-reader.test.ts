import { afterEach, beforeEach, expect, test } from "vitest";
import { type ControlPlaneClient, createControlPlaneClient } from "../../../src/node/agent/control-plane-client.ts";
import { readWakes } from "../../../src/node/agent/wake-reader.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { createFakeControlPlane, type FakeControlPlane } from "../../support/fake-control-plane.ts";
import { until } from "../../support/poll.ts";

let plane: FakeControlPlane;
let client: ControlPlaneClient;
let abort: AbortController;
let wakes: number;
let done: Promise<void>;

beforeEach(async () => {
  plane = await createFakeControlPlane();
  plane.credentials.set("node-1", "secret");
  abort = new AbortController();
  wakes = 0;
});

/** A stream whose silence is borne for so long. */
async function openStream(watchdogMs: number): Promise<void> {
  client = createControlPlaneClient({ url: plane.url, credential: () => "secret", watchdogMs });
  const onWake = () => {
    wakes += 1;
  };
  done = readWakes({ client, onWake, clock: systemClock(), random: () => 0, log: silentLogger() }, abort.signal);
  await until("the stream", 60, () => plane.wakeStreams() === 1);
}

afterEach(async () => {
  abort.abort();
  await done;
  await client.close();
  await plane.stop();
});

test("every line wakes", async () => {
  await openStream(600_000);
  await until("the first line", 60, () => wakes >= 2);
  const before = wakes;
  plane.wake();
  await until("a wake", 60, () => wakes === before + 1);
});

test("a stream that falls silent is opened anew, and the new connection wakes", async () => {
  await openStream(1_000);
  await until("the first line", 60, () => wakes >= 2);
  const before = wakes;
  // No line is sent from here on: a half-open connection looks like this.
  await until("another connection", 60, () => wakes > before);
  expect(plane.syncs).toEqual([]);
});

test("a refused stream is asked for again", async () => {
  await openStream(600_000);
  plane.credentials.clear();
  await plane.stop();
  await plane.start();
  plane.credentials.set("node-1", "secret");
  const before = wakes;
  await until("another connection", 60, () => wakes > before);
});
