import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface CountingProxy {
  /** "127.0.0.1:<port>" */
  host: string;
  /** Bytes that came from the origin since `reset`. */
  bytes(): number;
  reset(): void;
  stop(): Promise<void>;
}

/** Passes every connection on to `origin` ("host:port") and counts what comes back. */
export async function startCountingProxy(origin: string): Promise<CountingProxy> {
  const [hostname = "", port = ""] = origin.split(":");
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    upstream.on("data", (chunk) => {
      count += chunk.byteLength;
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      // What came before the end still has to go out.
      from.on("close", () => open.delete(from) && to.destroySoon());
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    host: `127.0.0.1:${address.port}`,
    bytes: () => count,
    reset: () => {
      count = 0;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
