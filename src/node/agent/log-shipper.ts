import type { Clock } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { createAlarm } from "./alarm.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import type { ReplicaKey } from "./replica-key.ts";
import { type LogStream, shipLog } from "./ship-log.ts";
import { createSlots } from "./slots.ts";

/** `shipped`: every byte is stored (or will never be wanted). `given-up`: the control plane answers, but takes no log bytes. */
export type LogEnd = "shipped" | "given-up";

export interface LogShipper {
  /** Tails the file at `path`; again for the same container changes nothing. */
  follow(containerId: string, key: ReplicaKey, path: string): void;
  /** The container ended: what the file holds now is all there will be. */
  finish(containerId: string): void;
  forget(containerId: string): void;
  /** Tells that the control plane was reachable for so long: only this time counts against an unfinished log. */
  reachable(elapsedMs: number): void;
  /** Lets pushes in flight end (at most `waitMs`), starts no other. */
  close(waitMs: number): Promise<void>;
}

export interface LogShipperPort {
  client: Pick<ControlPlaneClient, "pushLog">;
  onEnd(containerId: string, end: LogEnd): void;
  clock: Clock;
  random: () => number;
  log: Logger;
}

/** Pushes at the same time, each of at most one chunk: bounds the memory whatever the number of containers. */
const SLOTS = 8;
const STALL_MS = 10_000;
const LONGEST_MS = 60_000;

/** `onEnd` is called once a container at most; a log that cannot be read counts as given up. */
export function createLogShipper(port: LogShipperPort): LogShipper {
  const streams = new Map<string, LogStream>();
  const tasks = new Set<Promise<void>>();
  const slots = createSlots(SLOTS);
  return {
    follow(containerId, key, path) {
      if (streams.has(containerId)) return;
      const stream = newStream(containerId, key, path, port.clock);
      streams.set(containerId, stream);
      const task = shipLog({ ...port, slots }, stream).then(
        (shipped) => (shipped ? end(port, stream, "shipped") : undefined),
        (error: unknown) => {
          port.log.error({ container: containerId, path, err: error }, "log cannot be read");
          end(port, stream, "given-up");
        },
      );
      tasks.add(task);
      void task.finally(() => tasks.delete(task));
    },
    finish(containerId) {
      const stream = streams.get(containerId);
      if (!stream || stream.finished) return;
      stream.finished = true;
      stream.alarm.ring();
    },
    forget(containerId) {
      streams.get(containerId)?.stop.abort();
      streams.delete(containerId);
    },
    reachable: (elapsedMs) => {
      for (const stream of streams.values()) charge(port, stream, elapsedMs);
    },
    async close(waitMs) {
      for (const stream of streams.values()) stream.stop.abort();
      await Promise.race([Promise.allSettled([...tasks]), port.clock.sleep(waitMs)]);
    },
  };
}

function newStream(containerId: string, key: ReplicaKey, path: string, clock: Clock): LogStream {
  const stop = new AbortController();
  return { containerId, key, path, alarm: createAlarm(clock), stop, finished: false, ended: false, stalledMs: 0, waitedMs: 0 };
}

/** A log that makes no progress must not hold GPUs for ever: after the bound the end is told without it; shipping goes on. */
function charge(port: LogShipperPort, stream: LogStream, elapsedMs: number): void {
  if (!stream.finished || stream.ended) return;
  stream.stalledMs += elapsedMs;
  stream.waitedMs += elapsedMs;
  if (stream.stalledMs >= STALL_MS || stream.waitedMs >= LONGEST_MS) end(port, stream, "given-up");
}

function end(port: LogShipperPort, stream: LogStream, how: LogEnd): void {
  if (stream.ended) return;
  stream.ended = true;
  port.onEnd(stream.containerId, how);
}
