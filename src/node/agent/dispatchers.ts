import { Agent, type Dispatcher } from "undici";

/** PEM texts. Without `ca` the system's authorities are trusted, as for a proxy with a public certificate. */
export interface TlsIdentity {
  ca?: string;
  cert?: string;
  key?: string;
}

/** Connections that show one identity. With a new identity come new connections; requests on the old ones are let finish. */
export interface Dispatchers {
  current(identity: TlsIdentity): Dispatcher;
  close(): Promise<void>;
}

/**
 * `socketPath` null for TCP. Limits in milliseconds: for a connection, and for each silence before and within an answer.
 */
export function createDispatchers(
  socketPath: string | null,
  { connectMs, answerMs }: { connectMs: number; answerMs: number },
): Dispatchers {
  const retired = new Set<Agent>();
  let now: { agent: Agent; identity: TlsIdentity } | null = null;
  const make = (identity: TlsIdentity) =>
    new Agent({
      connect: { timeout: connectMs, ...(socketPath === null ? identity : { socketPath }) },
      keepAliveTimeout: 30_000,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
    });
  const retire = (agent: Agent) => {
    retired.add(agent);
    void agent.close().then(() => retired.delete(agent));
  };
  return {
    current(identity) {
      if (now === null || now.identity.cert !== identity.cert || now.identity.ca !== identity.ca) {
        if (now !== null) retire(now.agent);
        now = { agent: make(identity), identity };
      }
      return now.agent;
    },
    async close() {
      await Promise.all([...retired, ...(now === null ? [] : [now.agent])].map((agent) => agent.destroy()));
    },
  };
}
