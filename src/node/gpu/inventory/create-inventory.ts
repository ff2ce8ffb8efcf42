import { type Clock, pause } from "../../../shared/domain/index.ts";
import type { NativeNvml, NvmlReport, NvmlSample } from "../../platform/index.ts";
import type { GpuInventory } from "../types.ts";
import { createEventWatch } from "./event-watch.ts";
import { type GpuMemoryStore, keepMemory, NO_MEMORY } from "./gpu-memory.ts";
import { type GpuStatusReport, statusReport } from "./gpu-status.ts";
import { type Beside, mergeInventory, type NvmlAnswer } from "./merge-inventory.ts";
import { type Answer, singleFlight } from "./single-flight.ts";
import { createXidHistory, type XidEvent, type XidHistory, xidEvent } from "./xids.ts";

export interface InventoryOptions {
  nvml: NativeNvml;
  /** Finds libnvidia-ml.so.1; null when there is none (now). */
  findLibrary(): Promise<string | null>;
  /** Changes when what NVML found at its opening is out of date (driver-fingerprint.ts). */
  fingerprint(library: string): Promise<string>;
  /** By PCI bus id. */
  numaNodes(pciBusIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Without it what is known of the GPUs ends with the process. */
  memory?: GpuMemoryStore;
  simulated: boolean;
  /** How long a caller waits for NVML. */
  timeoutMs: number;
  clock: Clock;
}

export interface GpuXid extends XidEvent {
  uuid: string;
}

export interface Inventory {
  /** Resolves within `timeoutMs` (at once while an older call hangs) and never rejects: what goes wrong is in `problem` and on the GPUs. */
  read(): Promise<GpuInventory>;
  /** What the last `read` told if that was at most `maxAgeMs` ago and neither GPUs nor driver changed since, else a `read`. */
  recent(maxAgeMs: number): Promise<GpuInventory>;
  /** Newest readings, at most 30 s old; [] when the driver does not answer. No NVML call. */
  samples(): readonly NvmlSample[];
  status(): GpuStatusReport;
  /**
   * Lets go of NVML for so long, so that an operator can reset a GPU or change MIG modes; no GPU is healthy meanwhile. Then
   * everything is looked at as if for the first time: verdicts are gone, and what is in the slots is accepted. 0 ends it. False when
   * NVML hangs and stays open.
   */
  release(milliseconds: number): Promise<boolean>;
  xidCounts(): ReturnType<XidHistory["counts"]>;
  /**
   * Listens for XIDs and reads samples every second until `signal` aborts; resolves when NVML is closed. `onXid` may be followed
   * by a `read`, which knows the verdict.
   */
  watch(onXid: (xid: GpuXid) => void, onSamples: (samples: readonly NvmlSample[]) => void, signal: AbortSignal): Promise<void>;
}

/** Older readings would be a flat line where the driver hangs; nothing is the honest answer. */
const FRESH_MS = 30_000;
const SAMPLE_MS = 1_000;
/** How long after a failed or ended listener the next one is tried, and a sick driver is opened afresh. */
const RENEW_MS = 60_000;
const RELEASED = "the driver is released for maintenance (`berth gpu release`)";

/** Keeps what is known of this node's GPUs. */
export function createInventory(options: InventoryOptions): Inventory {
  const { clock, nvml } = options;
  const initial = options.memory?.initial ?? NO_MEMORY;
  const xids = createXidHistory(initial.verdicts);
  const nothing: GpuInventory = { driverVersion: null, cudaVersion: null, simulated: options.simulated, gpus: [], problem: null };
  const remembered = initial.gpus.map((gpu) => ({ ...gpu, healthy: false, problem: "not seen since the agent started" }));
  const state = {
    known: { ...nothing, gpus: remembered } as GpuInventory,
    suspects: initial.suspects,
    /** Monotonic; null when NVML is ours to open. */
    releasedUntil: null as number | null,
    report: null as NvmlReport | null,
    readAt: Number.NEGATIVE_INFINITY,
    fingerprint: null as string | null,
    samples: [] as readonly NvmlSample[],
    sampledAt: Number.NEGATIVE_INFINITY,
    renewedAt: Number.NEGATIVE_INFINITY,
    listenedAt: Number.NEGATIVE_INFINITY,
    onXid: null as ((xid: GpuXid) => void) | null,
  };
  const memory = keepMemory(options.memory, () => ({ verdicts: xids.verdicts(), gpus: state.known.gpus, suspects: state.suspects }));
  const query = singleFlight({ ...options, call: (library) => nvml.query(library) });
  const sample = singleFlight({ ...options, call: (library) => nvml.sample(library) });
  const events = createEventWatch(nvml, clock, ({ uuid, xid, gpuInstance }) => {
    // An XID that names no GPU concerns all of them: each may be the one.
    for (const gpu of uuid === null ? state.known.gpus : [{ uuid }]) {
      const event = xidEvent(xid, clock.now(), gpuInstance);
      xids.add(gpu.uuid, event);
      if (event.class === "hardware") memory.keep();
      state.onXid?.({ ...event, uuid: gpu.uuid });
    }
  });
  const learn = (answer: NvmlAnswer, beside?: Beside) => {
    const { inventory, suspects } = mergeInventory({ inventory: state.known, suspects: state.suspects }, answer, beside);
    state.known = inventory;
    state.suspects = suspects;
  };
  const takeSamples = (samples: readonly NvmlSample[]) => {
    state.samples = samples.filter(({ error }) => error === null);
    state.sampledAt = clock.monotonic();
  };

  /** NVML is opened afresh where it would tell old news; a sick one is given a new chance now and then. */
  const renewIfStale = async (library: string): Promise<string> => {
    const fingerprint = await options.fingerprint(library);
    const now = clock.monotonic();
    const sick = state.known.problem !== null || state.known.gpus.some(({ healthy }) => !healthy);
    if (fingerprint !== state.fingerprint || (sick && now - state.renewedAt > RENEW_MS)) {
      state.renewedAt = now;
      await events.stop();
    }
    return fingerprint;
  };

  const isReleased = (): boolean => {
    if (state.releasedUntil === null || clock.monotonic() < state.releasedUntil) return state.releasedUntil !== null;
    xids.forgive();
    memory.keep();
    state.known = nothing;
    state.suspects = new Set();
    state.releasedUntil = null;
    return false;
  };

  const read = async (): Promise<GpuInventory> => {
    if (isReleased()) return state.known;
    const library = await options.findLibrary();
    if (library === null) {
      if (state.known.gpus.length > 0) learn({ report: null });
      return state.known;
    }
    const fingerprint = query.busy() ? state.fingerprint : await renewIfStale(library);
    const answer = toNvmlAnswer(await query.ask(library));
    if (state.releasedUntil !== null) return state.known;
    if ("report" in answer && answer.report !== null) {
      state.report = answer.report;
      takeSamples(answer.report.gpus);
      state.fingerprint = fingerprint;
    }
    const numaNodes = "report" in answer ? await options.numaNodes(answer.report?.gpus.map(({ pciBusId }) => pciBusId) ?? []) : new Map();
    learn(answer, { numaNodes, problemOf: xids.problemOf });
    memory.keepChanges();
    state.readAt = clock.monotonic();
    if (state.onXid !== null && state.known.problem === null && state.known.gpus.length > 0) listen(library);
    const unkept = await memory.problem();
    return unkept === null ? state.known : { ...state.known, problem: state.known.problem ?? unkept };
  };

  /** A driver that cannot tell events is not asked every few seconds. */
  const listen = (library: string) => {
    const now = clock.monotonic();
    if (events.problem() !== null && now - state.listenedAt < RENEW_MS) return;
    state.listenedAt = now;
    events.start(library);
  };

  const recent = async (maxAgeMs: number): Promise<GpuInventory> => {
    if (state.known.problem !== null || clock.monotonic() - state.readAt > maxAgeMs) return read();
    const library = await options.findLibrary();
    const same = library !== null && (await options.fingerprint(library)) === state.fingerprint;
    // A verdict of the last second must count before the next look.
    return same && state.known.gpus.every(({ uuid, healthy }) => !healthy || xids.problemOf(uuid) === null) ? state.known : read();
  };

  /** Only while NVML is open anyway: opening it may take seconds on a machine without persistence mode. */
  const sampleOnce = async (onSamples: (samples: readonly NvmlSample[]) => void) => {
    const library = events.listening() && !query.busy() ? await options.findLibrary() : null;
    if (library === null) return;
    const answer = await sample.ask(library);
    if (!("value" in answer) || answer.value === null) return;
    takeSamples(answer.value);
    onSamples(state.samples);
  };

  const fresh = () => (clock.monotonic() - state.sampledAt > FRESH_MS ? [] : state.samples);
  return {
    read,
    recent,
    samples: fresh,
    status: () => statusReport({ inventory: state.known, report: state.report, samples: fresh(), xids, listening: events.listening() }),
    xidCounts: xids.counts,
    async release(milliseconds) {
      state.releasedUntil = clock.monotonic() + milliseconds;
      if (milliseconds === 0) return read().then(() => true);
      learn({ problem: RELEASED });
      state.samples = [];
      const closed = await Promise.all([events.stop(), query.settled(), sample.settled()]);
      return closed.every(Boolean);
    },
    async watch(onXid, onSamples, signal) {
      state.onXid = onXid;
      await read();
      while (!signal.aborted) {
        await pause(clock, SAMPLE_MS, signal);
        if (!signal.aborted) await sampleOnce(onSamples);
      }
      state.onXid = null;
      await events.stop();
    },
  };
}

function toNvmlAnswer(answer: Answer<NvmlReport | null>): NvmlAnswer {
  return "value" in answer ? { report: answer.value } : answer;
}
