import type { OciRlimit, OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

const WANTED_OPEN_FILES = 1_048_576;
const WANTED_LOCKED_BYTES = Number.MAX_SAFE_INTEGER;

/**
 * Many open files (data loaders), as much locked memory as may be (pinned buffers, RDMA), no core dumps by default.
 * Each is cut to the agent's hard limit: without CAP_SYS_RESOURCE it cannot hand out more.
 */
export function withRlimits(spec: OciSpec, input: SpecInput): OciSpec {
  const own = input.agent.rlimits;
  const rlimits: OciRlimit[] = [
    limit("RLIMIT_NOFILE", Math.min(WANTED_OPEN_FILES, own.nofile)),
    limit("RLIMIT_MEMLOCK", Math.min(WANTED_LOCKED_BYTES, own.memlock)),
    { type: "RLIMIT_CORE", soft: 0, hard: Math.min(WANTED_LOCKED_BYTES, own.core) },
  ];
  return { ...spec, process: { ...spec.process, rlimits } };
}

function limit(type: OciRlimit["type"], value: number): OciRlimit {
  return { type, soft: value, hard: value };
}
