import { Agent, request } from "undici";
import type { NodeFacts } from "../../src/shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION, type SyncRequest, type SyncResponse } from "../../src/shared/wire/index.ts";

/** Agents that accept what they are assigned and end it at once: they speak the real API, but run nothing. */
export interface FakeAgents {
  /** Replicas that ended. */
  ended(): number;
  /** Ends that the control plane has not taken note of yet. */
  unreported(): number;
  stop(): Promise<void>;
}

type Report = SyncRequest["replicas"][number];

/** `tokenOf` makes a join token for each. A nudge, or what a sync made happen, calls for the next sync. */
export async function startFakeAgents(
  url: string,
  names: readonly string[],
  facts: NodeFacts,
  tokenOf: () => Promise<string>,
): Promise<FakeAgents> {
  const dispatcher = new Agent({ connections: 64 });
  const wakes = new Agent({ connections: 1024 });
  const stopping = new AbortController();
  let ended = 0;
  const unreported: (() => number)[] = [];
  const timers: NodeJS.Timeout[] = [];
  const post = async (path: string, body: object, credential?: string) => {
    const headers = { "content-type": "application/json", ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }) };
    const answer = await request(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body), dispatcher });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  };

  const start = async (name: string) => {
    const { credential } = await post("/agent/v1/join", { name, token: await tokenOf() });
    const reports = new Map<string, Report>();
    unreported.push(() => reports.size);
    const common = {
      protocol: AGENT_PROTOCOL_VERSION,
      nodeId: name,
      incarnation: name,
      bootId: `boot-${name}`,
      address: "127.0.0.1",
      facts,
    };
    let syncing: Promise<void> | null = null;
    let again = false;
    let last = 0;
    const sync = async () => {
      last = Math.max(last + 1, Math.floor(performance.now() * 1000));
      const answer: SyncResponse = await post("/agent/v1/sync", { ...common, sentAt: last, replicas: [...reports.values()] }, credential);
      const wanted = new Set<string>();
      for (const { jobId, epoch, rank } of answer.desired) {
        const key = `${jobId}-${epoch}-${rank}`;
        wanted.add(key);
        if (reports.has(key)) continue;
        const now = Date.now();
        reports.set(key, {
          jobId,
          epoch,
          rank,
          state: "exited",
          message: null,
          cause: "exited",
          exitCode: 0,
          startedAt: now,
          finishedAt: now,
          usage: null,
        });
        ended += 1;
        again = true;
      }
      for (const key of reports.keys()) if (!wanted.has(key)) reports.delete(key);
    };
    const wake = () => {
      again = true;
      syncing ??= (async () => {
        while (again && !stopping.signal.aborted) {
          again = false;
          await sync().catch(() => {
            again = true;
          });
        }
        syncing = null;
      })();
      return syncing;
    };
    await wake();
    const listen = async () => {
      const stream = await request(`${url}/agent/v1/wake`, {
        headers: { authorization: `Bearer ${credential}` },
        dispatcher: wakes,
        signal: stopping.signal,
        bodyTimeout: 0,
      });
      for await (const _line of stream.body) void wake();
    };
    void listen().catch(() => {});
    timers.push(setInterval(() => void wake(), 3000));
  };
  for (const name of names) await start(name);
  return {
    ended: () => ended,
    unreported: () => unreported.reduce((sum, count) => sum + count(), 0),
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      stopping.abort();
      await Promise.all([dispatcher.destroy(), wakes.destroy()]);
    },
  };
}
