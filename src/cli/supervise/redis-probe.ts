import { connect } from "node:net";
import { BerthError, type Clock } from "../../shared/domain/index.ts";

const ANSWER_TIMEOUT_MS = 2_000;

/** The first line a Redis on a unix socket answers to an inline command; null when nobody listens or answers. */
export function askRedis(socketPath: string, command: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (answer: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), ANSWER_TIMEOUT_MS);
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.once("data", (data) => settle(data.toString("utf8").split("\r\n")[0] ?? ""));
    socket.once("error", () => settle(null));
    socket.once("end", () => settle(null));
  });
}

/** True when Redis has loaded its data and serves. */
export async function redisIsReady(socketPath: string): Promise<boolean> {
  return (await askRedis(socketPath, "PING")) === "+PONG";
}

/**
 * Ends whatever Redis still serves our own socket: two servers appending to one file would destroy the queue.
 * Returns whether there was one.
 * @throws BerthError conflict when it still answers after ten seconds
 */
export async function shutDownRedis(socketPath: string, clock: Clock): Promise<boolean> {
  if ((await askRedis(socketPath, "PING")) === null) return false;
  await askRedis(socketPath, "SHUTDOWN NOSAVE");
  const deadline = clock.monotonic() + 10_000;
  while ((await askRedis(socketPath, "PING")) !== null) {
    if (clock.monotonic() > deadline)
      throw new BerthError("conflict", `the redis-server behind ${socketPath} does not end`, {
        details: { hint: "stop it by hand: a second one would write into the same file" },
      });
    await clock.sleep(20);
  }
  return true;
}
