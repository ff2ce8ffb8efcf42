import { createRedisStores, createScheduleLoop, type Stores } from "../../src/control/jobs/index.ts";
import { createIncrementalDecide } from "../../src/control/scheduler/index.ts";
import { type NodeFacts, systemClock } from "../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../test/support/control-samples.ts";
import { startRedis } from "../../test/support/redis.ts";
import { type Row, row, summarise } from "../measure.ts";
import { startControlPlane } from "./control-plane.ts";
import { startFakeAgents } from "./fake-agents.ts";
import type { BenchPart } from "./part.ts";
import { startSlurm } from "./slurm.ts";

const NODES = 8;
const CPUS_EACH = 64;
const JOBS = Number(process.env.BENCH_DISPATCH_JOBS ?? 2000);
const PLACING_NODES = 2000;
const WAVES = 8;
const WAVE = 2000;

/** Jobs that do nothing, through a whole Berth and a whole Slurm; and placements alone, through the loop and a real Redis. */
export async function dispatchPart(): Promise<BenchPart> {
  const placing = await placements();
  const berth = await berthDispatch();
  const slurm = await slurmDispatch();
  const rows: Row[] = [
    {
      ...row("dispatch-vs-slurm", berth, { name: "slurm-wlm, same run", value: slurm }, "jobs/s", JOBS),
      ratio: Math.round((berth / slurm) * 100) / 100,
    },
    { ...row("placements-per-second", placing.placed, null, "1/s", WAVES * WAVE), limit: 2000 },
    row("jobs-accepted-per-second", placing.accepted, null, "1/s", WAVES * WAVE),
  ];
  const table = [
    "| what | jobs | per second |\n|---|---|---|\n",
    `| Berth: control plane, Redis (appendfsync always), ${NODES} simulated agents over its HTTP API | ${JOBS} | ${berth.toFixed(0)} |\n`,
    `| Slurm: slurmctld, ${NODES} slurmd | ${JOBS} | ${slurm.toFixed(0)} |\n`,
    `| Berth: placements committed, ${PLACING_NODES} nodes, waves of ${WAVE} | ${WAVES * WAVE} | ${placing.placed.toFixed(0)} |\n`,
    `| Berth: jobs accepted, rows alone | ${WAVES * WAVE} | ${placing.accepted.toFixed(0)} |\n`,
  ].join("");
  return { name: "dispatch", rows, notes: NOTES, markdown: `## Dispatch\n\n${NOTES.join(" ")}\n\n${table}` };
}

const NOTES = [
  `dispatch-vs-slurm: jobs per second from the moment that nodes are there for ${JOBS} queued jobs of one CPU to the report of the last one's end, ${NODES} nodes of ${CPUS_EACH} CPUs on both sides. Above 1 is better than the peer.`,
  "Slurm's daemons start a real shell script that does nothing; Berth's agents are simulated, accept the assignment and report its end, but start no container: the row compares control planes, and Slurm's figure holds the cost of its forks.",
  "placements-per-second: time of the scheduling passes alone (reading what changed, deciding, committing each placement durably), one process and one Redis; median of the waves.",
];

async function berthDispatch(): Promise<number> {
  const plane = await startControlPlane();
  try {
    const jobs = Array.from({ length: JOBS }, (_, place) => ({
      name: `noop-${place}`,
      image: "noop",
      command: ["true"],
      resources: { cpus: 1, memory: "16MiB" },
    }));
    await inParallel(64, jobs, (job) => plane.post("/v1/jobs", job));
    const tokenOf = async () => ((await plane.post("/v1/tokens", { kind: "join" })) as { token: string }).token;
    const names = Array.from({ length: NODES }, (_, place) => `n${place + 1}`);
    const started = performance.now();
    const agents = await startFakeAgents(plane.url, names, facts(), tokenOf);
    try {
      await until(async () => agents.ended() >= JOBS && agents.unreported() === 0);
      return JOBS / ((performance.now() - started) / 1000);
    } finally {
      await agents.stop();
    }
  } finally {
    await plane.stop();
  }
}

async function slurmDispatch(): Promise<number> {
  const slurm = await startSlurm({ nodes: NODES, cpusEach: CPUS_EACH });
  try {
    return JOBS / (await slurm.dispatch(JOBS));
  } finally {
    await slurm.stop();
  }
}

async function placements(): Promise<{ placed: number; accepted: number }> {
  const redis = await startRedis();
  const stores = await createRedisStores({ address: { unixPath: redis.socketPath } });
  try {
    await joinNodes(stores);
    const clock = systemClock();
    const queues = { nudgeNode: async () => {} };
    // Nodes without agents are never taken for lost.
    const patience = { suspectSeconds: 86_400, leaseSeconds: 86_400 };
    const loop = createScheduleLoop({
      store: stores.jobs,
      nodes: stores.nodes,
      arrays: stores.arrays,
      decide: createIncrementalDecide(),
      queues,
      clock,
      ...patience,
    });
    await loop.pass();
    const [accepted, placed]: [number[], number[]] = [[], []];
    for (let wave = 0; wave < WAVES; wave += 1) {
      const spec = specOf({ resources: { gpus: 1, cpuMillis: 100, memoryBytes: 2 ** 20 } });
      const submitted = performance.now();
      await Promise.all(Array.from({ length: WAVE }, () => stores.jobs.submit({ spec, user: "ada", idempotencyKey: null }, clock.now())));
      const passed = performance.now();
      const count = (await loop.pass()).placed.length;
      if (count !== WAVE) throw new Error(`${count} of ${WAVE} jobs were placed`);
      accepted.push(WAVE / ((passed - submitted) / 1000));
      placed.push(WAVE / ((performance.now() - passed) / 1000));
    }
    return { placed: summarise(placed).median, accepted: summarise(accepted).median };
  } finally {
    await stores.close();
    await redis.stop();
  }
}

async function joinNodes(stores: Stores): Promise<void> {
  const names = Array.from({ length: PLACING_NODES }, (_, place) => `n${place}`);
  await inParallel(64, names, async (name) => {
    await stores.nodes.join(name, Date.now());
    const common = { nodeId: name, incarnation: name, bootId: name, sentAt: 1, address: "10.0.0.1" };
    await stores.nodes.recordSync({ ...common, facts: factsOf(name, 8) }, Date.now());
  });
}

function facts(): NodeFacts {
  return factsOf("node", 0, { cpus: CPUS_EACH });
}

async function inParallel<Item>(most: number, items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 600_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("not all jobs ended in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
