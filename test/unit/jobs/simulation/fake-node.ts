import type { ExitCause } from "../../../../src/shared/domain/index.ts";
import {
  AGENT_PROTOCOL_VERSION,
  type DesiredReplica,
  type ReplicaReport,
  type SyncRequest,
  type SyncResponse,
} from "../../../../src/shared/wire/index.ts";
import { factsOf } from "../../../support/control-samples.ts";
import type { GroundTruth, LiveContainer } from "./ground-truth.ts";
import type { Random, SimClock } from "./sim-clock.ts";

interface Container extends LiveContainer {
  state: "preparing" | "running" | "exited";
  cause: ExitCause | null;
  exitCode: number | null;
  /** On the node's boot-time clock. */
  deadline: number;
  alive: boolean;
}

export interface FakeNodeOptions {
  id: string;
  gpus: number;
  clock: SimClock;
  random: Random;
  truth: GroundTruth;
  /** Delivers a sync over the bad network; never settles when it or its answer is lost. */
  send: (request: SyncRequest) => Promise<SyncResponse>;
  intervalMs: number;
  /** Chance that a program fails rather than succeeds. */
  failureRate: number;
}

/** A machine: its agent can die, stop or lose its records while its containers go on under the lease guard. */
export interface FakeNode {
  start(): void;
  crashAgent(downMs: number, losesRecords: boolean): void;
  pauseAgent(milliseconds: number): void;
  reboot(downMs: number): void;
}

export function createFakeNode(options: FakeNodeOptions): FakeNode {
  const { id, clock, random, truth } = options;
  const facts = factsOf(id, options.gpus);
  let bootedAt = -random() * 1e6;
  let boots = 1;
  let incarnation = 0;
  /** Reboots under way: a machine that is down starts no agent. */
  let down = 0;
  let pausedUntil = 0;
  let records = new Map<string, Container>();
  /** What really runs here, known to the agent or not. */
  const real = new Set<Container>();

  const bootTime = () => clock.time() - bootedAt;

  const finish = (container: Container, cause: ExitCause, exitCode: number | null) => {
    if (!container.alive) return;
    Object.assign(container, { alive: false, state: "exited", cause, exitCode });
    real.delete(container);
    truth.end(container);
  };

  /** The guard is not the agent: it kills at the deadline whatever the agent does. A kill takes up to a second. */
  const guard = (container: Container) => {
    const left = container.deadline - bootTime();
    clock.after(Math.max(left, 0) + 1, () => {
      if (!container.alive) return;
      if (container.deadline > bootTime()) return guard(container);
      clock.after(random() * 1000, () => finish(container, "lease-expired", null));
    });
  };

  const startContainer = ({ jobId, epoch, rank, spec }: DesiredReplica, deadline: number) => {
    const container: Container = {
      jobId,
      epoch,
      rank,
      nodeId: id,
      gpuUuids: spec.gpuUuids,
      state: "preparing",
      cause: null,
      exitCode: null,
      deadline,
      alive: false,
    };
    records.set(`${jobId}-${epoch}-${rank}`, container);
    const mine = incarnation;
    clock.after(200 + random() * 3000, () => {
      // Prepared by the agent: dead, paused or told otherwise, it starts nothing; past its lease the guard would not let it.
      if (mine !== incarnation || container.state !== "preparing") return;
      if (container.deadline <= bootTime()) return void records.delete(`${jobId}-${epoch}-${rank}`);
      Object.assign(container, { state: "running", alive: true });
      real.add(container);
      truth.start(container);
      guard(container);
      const exitCode = random() < options.failureRate ? 1 : 0;
      clock.after(1000 + random() * 30_000, () => finish(container, "exited", exitCode));
    });
  };

  const stopContainer = (container: Container) => {
    if (container.state === "preparing") Object.assign(container, { state: "exited", cause: "stopped" });
    else if (container.alive) clock.after(random() * 3000, () => finish(container, "stopped", 143));
  };

  const obey = (answer: SyncResponse) => {
    const deadline = answer.echo + answer.leaseSeconds * 1000;
    if (deadline <= bootTime()) return;
    const wanted = new Map(answer.desired.map((replica) => [`${replica.jobId}-${replica.epoch}-${replica.rank}`, replica]));
    for (const [key, container] of records) {
      const replica = wanted.get(key);
      if (replica?.action === "run") container.deadline = Math.max(container.deadline, deadline);
      else stopContainer(container);
      if (replica === undefined && container.state === "exited") records.delete(key);
    }
    for (const [key, replica] of wanted) {
      if (records.has(key)) continue;
      if (replica.action === "run") startContainer(replica, deadline);
      else records.set(key, declined(replica));
    }
  };

  const declined = ({ jobId, epoch, rank, spec }: DesiredReplica): Container => ({
    ...{
      jobId,
      epoch,
      rank,
      nodeId: id,
      gpuUuids: spec.gpuUuids,
      state: "exited",
      cause: "stopped",
      exitCode: null,
      deadline: 0,
      alive: false,
    },
  });

  const report = ({ jobId, epoch, rank, state, cause, exitCode }: Container): ReplicaReport => ({
    ...{ jobId, epoch, rank, state, message: null, cause, exitCode },
    ...{ startedAt: null, finishedAt: null, usage: null },
  });

  const syncs = async (mine: number) => {
    while (mine === incarnation) {
      if (clock.time() < pausedUntil) await clock.sleep(pausedUntil - clock.time());
      if (mine !== incarnation) return;
      const request: SyncRequest = {
        ...{
          protocol: AGENT_PROTOCOL_VERSION,
          nodeId: id,
          incarnation: `${id}-${mine}`,
          bootId: `${id}-boot-${boots}`,
          sentAt: bootTime(),
        },
        ...{ address: "10.0.0.1", facts, replicas: [...records.values()].map(report) },
      };
      const answer = await Promise.race([options.send(request), clock.sleep(4000).then(() => null)]);
      if (clock.time() < pausedUntil) await clock.sleep(pausedUntil - clock.time());
      if (mine !== incarnation) return;
      if (answer !== null) obey(answer);
      await clock.sleep(options.intervalMs);
    }
  };

  const startAgent = () => {
    if (down > 0) return;
    incarnation += 1;
    // What was only being prepared has no record on disk.
    for (const [key, container] of records) if (container.state === "preparing") records.delete(key);
    // And what runs without a record is swept away before the first sync.
    for (const container of [...real])
      if (!records.has(`${container.jobId}-${container.epoch}-${container.rank}`)) finish(container, "lost", null);
    void syncs(incarnation);
  };

  return {
    start: startAgent,
    pauseAgent: (milliseconds) => {
      pausedUntil = clock.time() + milliseconds;
    },
    crashAgent: (downMs, losesRecords) => {
      incarnation += 1;
      if (losesRecords) records = new Map();
      clock.after(downMs, startAgent);
    },
    reboot: (downMs) => {
      incarnation += 1;
      down += 1;
      for (const container of [...real]) finish(container, "lost", null);
      clock.after(downMs, () => {
        down -= 1;
        if (down > 0) return;
        boots += 1;
        bootedAt = clock.time();
        startAgent();
      });
    },
  };
}
