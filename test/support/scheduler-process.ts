// A control plane's scheduler alone, until it is killed. argv: Redis socket, name, and a signal that it sends itself between the
// plan for a job of STRUCK_PRIORITY and its commit. Says "started", "leads", "waits" and "refused" on stdout.
import { createLeader, createRedisStores, createScheduleLoop } from "../../src/control/jobs/index.ts";
import { type ClusterSnapshot, decide } from "../../src/control/scheduler/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";

const STRUCK_PRIORITY = 77;

const [unixPath = "", holder = "", signal] = process.argv.slice(2);
const stores = await createRedisStores({ address: { unixPath } });
const clock = systemClock();
const leader = createLeader({
  store: stores.leader,
  holder,
  clock,
  onChange: (leads) => {
    process.stdout.write(leads ? "leads\n" : "waits\n");
    if (leads) loop.wake();
  },
});
const queues = { nudgeNode: async () => {} };
// Nobody speaks for the nodes here: they are not to be taken for lost.
const timing = { intervalSeconds: 0.2, suspectSeconds: 3600, leaseSeconds: 3600 };
const decideAndStop = (snapshot: ClusterSnapshot, now: number) => {
  const plan = decide(snapshot, now);
  const struck = snapshot.pending.some(({ priority }) => priority === STRUCK_PRIORITY);
  if (struck && signal !== undefined) process.kill(process.pid, signal);
  return plan;
};
const log = {
  info: (_fields: object, message: string) => message === "placement refused" && process.stdout.write("refused\n"),
  warn: () => {},
};
const loop = createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide: decideAndStop, leader, queues, clock, log, ...timing });
process.stdout.write("started\n");
const never = new AbortController().signal;
await Promise.all([leader.run(never), loop.run(never)]);
