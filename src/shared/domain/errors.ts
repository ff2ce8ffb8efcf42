/**
 * The one error catalogue: code -> HTTP status, whether a retry may help, and what to do next.
 * The text of an error is made where it is thrown: lower-case, no final period, with the path or value.
 */
interface ErrorKind {
  readonly status: number;
  readonly retryable: boolean;
  /** What the reader can do about it. */
  readonly hint: string;
}

export const ERRORS = {
  invalid_request: kind(400, false, "correct the named field and send it again"),
  invalid_job_spec: kind(400, false, "correct the named field; `berth submit --help` shows an example"),
  invalid_trace: kind(400, false, "correct the named file; `berth simulate --help` describes the formats"),
  invalid_reference: kind(400, false, "write an image as NAME[:TAG] or NAME@sha256:DIGEST"),
  unauthorized: kind(401, false, "pass a valid token: --token or BERTH_TOKEN"),
  certificate_invalid: kind(401, false, "compare the clocks of the machines and the CA that they trust"),
  forbidden: kind(403, false, "ask the operator for the permission"),
  job_not_found: kind(404, false, "`berth ps --all` lists the jobs"),
  node_not_found: kind(404, false, "`berth nodes` lists the nodes"),
  project_not_found: kind(404, false, "`berth project ls` lists the projects"),
  reservation_not_found: kind(404, false, "`berth reservation ls` lists the reservations"),
  image_not_found: kind(404, false, "`berth images` lists what this node has; `berth build` or `berth image bootstrap` makes one"),
  container_not_found: kind(404, false, "`berth ps` lists what runs"),
  volume_not_found: kind(404, false, "name a volume that exists"),
  route_not_found: kind(404, false, "see /docs for the API"),
  logs_not_found: kind(404, false, "the replica has not started yet; `berth get JOB` tells why"),
  conflict: kind(409, true, "read it again and retry"),
  idempotency_conflict: kind(409, false, "use a new Idempotency-Key for a different request"),
  stale_epoch: kind(409, false, "the attempt is over: stop the container"),
  log_offset_mismatch: kind(409, true, "resend from the size in the answer"),
  payload_too_large: kind(413, false, "send less: job specs are limited to 1 MiB"),
  unsupported_media_type: kind(415, false, "send application/json, or application/yaml where the API takes it"),
  lease_expired: kind(409, false, "the control plane may have moved the work: stop the container"),
  rate_limited: kind(429, true, "wait and retry"),
  image_invalid: kind(422, false, "the image is damaged or hostile: rebuild it or load it again"),
  layer_invalid: kind(422, false, "the layer is damaged or hostile: rebuild the image or load it again"),
  image_untrusted: kind(403, false, "`berth images trust ls` shows what is asked of images; `berth images sign` signs one"),
  trust_policy_invalid: kind(409, false, "mend what is named: until then no image is taken or started"),
  registry_denied: kind(403, false, "check the name; `berth login REGISTRY` stores credentials for it"),
  registry_unavailable: kind(503, true, "check the network, the proxy and the registry, then retry"),
  registry_error: kind(502, false, "the registry's answer makes no sense: check its address, or tell its operator"),
  digest_mismatch: kind(422, true, "the bytes are not what their digest says: fetch them again"),
  build_failed: kind(422, false, "see the step's output above"),
  bootstrap_failed: kind(422, false, "see mmdebstrap's output above"),
  container_start_failed: kind(500, true, "see the message of the runtime; `berth doctor` checks the machine"),
  container_stuck: kind(503, true, "a process waits in the kernel, often for a dead disk or network mount: drain the node"),
  port_unavailable: kind(409, true, "another program of the node listens there: ask for another host port, or for none"),
  gpu_unavailable: kind(409, true, "`berth nodes` shows which GPUs are healthy"),
  gpu_request_invalid: kind(422, false, "correct the value; docs/gpu.md lists the forms of --gpus and NVIDIA_*"),
  gpu_requirement_unmet: kind(409, true, "use a node with a newer driver, an image for an older CUDA, or set NVIDIA_DISABLE_REQUIRE=true"),
  gpu_injection_failed: kind(500, true, "`berth doctor` checks the driver"),
  mount_forbidden: kind(403, false, "ask the operator to allow the folder with --allow-bind"),
  data_dir_locked: kind(409, false, "stop the other Berth first, or choose another --data-dir"),
  missing_requirement: kind(500, false, "install what is named; `berth doctor` lists everything"),
  redis_unavailable: kind(503, true, "the queue is not reachable; nothing was changed, so retry"),
  control_plane_unavailable: kind(503, true, "start it with `berth up`, or point --host at it"),
  node_unavailable: kind(503, true, "start the agent with `berth up` or `berth agent --join`"),
  insufficient_storage: kind(507, true, "free disk space: `berth images rm` removes images"),
  internal: kind(500, true, "this is a bug in Berth; please report it with the log"),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

function kind(status: number, retryable: boolean, hint: string): ErrorKind {
  return { status, retryable, hint };
}

/** Everything Berth throws on purpose. `field` is a JSON pointer into the request where there is one. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; field?: string; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BerthError";
    this.code = code;
    this.field = options.field;
    this.details = options.details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  get hint(): string {
    return ERRORS[this.code].hint;
  }
}

/** True for an error of ours, with that code when one is named. */
export function isBerthError(error: unknown, code?: ErrorCode): error is BerthError {
  return error instanceof BerthError && (code === undefined || error.code === code);
}

/** The message of anything thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
