/** What really runs, seen by nobody in the system: the judge of the invariants. */
export interface LiveContainer {
  jobId: string;
  epoch: number;
  rank: number;
  nodeId: string;
  gpuUuids: string[];
}

export interface GroundTruth {
  start(container: LiveContainer): void;
  end(container: LiveContainer): void;
  violations: string[];
}

export function createGroundTruth(time: () => number): GroundTruth {
  const live = new Set<LiveContainer>();
  const violations: string[] = [];
  const name = ({ jobId, epoch, rank, nodeId }: LiveContainer) => `job ${jobId} epoch ${epoch} rank ${rank} on ${nodeId}`;
  return {
    violations,
    start: (container) => {
      for (const other of live) {
        const sameJob = other.jobId === container.jobId && (other.epoch !== container.epoch || other.rank === container.rank);
        if (sameJob) violations.push(`${time()}: ${name(container)} starts while ${name(other)} lives`);
        const shared = other.nodeId === container.nodeId ? other.gpuUuids.filter((uuid) => container.gpuUuids.includes(uuid)) : [];
        if (shared.length > 0) violations.push(`${time()}: ${shared} has two owners: ${name(container)} and ${name(other)}`);
      }
      live.add(container);
    },
    end: (container) => {
      live.delete(container);
    },
  };
}
