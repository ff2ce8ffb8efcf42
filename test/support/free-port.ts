import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

const LOWEST = 10_000;

/**
 * A TCP port of this machine that nobody uses. Not one of those that the kernel hands out: what asks for any port, and every
 * outgoing connection, would be as likely to get it between this and its use.
 */
export async function freePort(): Promise<number> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const end = Number(range.split(/\s+/)[0]);
  for (;;) {
    const port = randomInt(LOWEST, end > LOWEST ? end : 65_536);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}
