// A control plane's scheduler alone, until it is killed. argv: Redis socket, name. Says "started", "leads" and "waits" on stdout.
import { createLeader, createRedisStores, createScheduleLoop } from "../../src/control/jobs/index.ts";
import { decide } from "../../src/control/scheduler/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";

const [unixPath = "", holder = ""] = process.argv.slice(2);
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
const loop = createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide, leader, queues, clock, ...timing });
process.stdout.write("started\n");
const never = new AbortController().signal;
await Promise.all([leader.run(never), loop.run(never)]);
