import type { Clock } from "../../../shared/domain/index.ts";
import type { BlobBody } from "../../../shared/oci/index.ts";
import type { BlobSource } from "../../images/index.ts";
import { metered } from "./metered.ts";
import type { PeerConnections } from "./peer-connections.ts";
import type { Peer, PeerDirectory } from "./peer-directory.ts";
import type { PeerLimits } from "./peer-sources.ts";
import type { PeerStanding } from "./peer-standing.ts";

export interface PeerTools {
  directory: PeerDirectory;
  connections: PeerConnections;
  standing: PeerStanding;
  limits: PeerLimits;
  clock: Clock;
  random: () => number;
  closed: AbortSignal;
  onBytes(bytes: number): void;
  onFailure(nodeId: string, error: unknown): void;
}

interface Range {
  from: number;
  to: number;
}

/** A transfer shorter than this says nothing of its peer's rate. */
const TELLING_BYTES = 1 << 20;
const SLOW_PART = 1 / 20;
const LEAST_WAIT_MS = 100;

/** One blob on its way: from whom it came, whether this node is the one that asks the registry. */
interface State {
  senders: Set<string>;
  usedRegistry: boolean;
  /** Its bytes were wrong once: peers are not asked again. */
  mistrusted: boolean;
  /** Ends the repeated claim of a node that asks the registry. */
  keeping: AbortController | null;
}

/** The source of one blob that asks peers, waits for the node that is fetching it, or becomes that node. */
export function createPeerSource(origin: BlobSource, size: number, tools: PeerTools): BlobSource {
  const state: State = { senders: new Set(), usedRegistry: false, mistrusted: false, keeping: null };
  const blob = { digest: origin.digest, size };
  const askRegistry = (range: Range, turn: number, signal: AbortSignal) => {
    state.usedRegistry = true;
    return origin.fetch(range, turn, signal);
  };
  return {
    ...origin,
    async fetch(range, turn, signal) {
      if (state.mistrusted || state.keeping !== null) return askRegistry(range, turn, signal);
      return (await fromPeers(tools, state, blob, range, signal)) ?? askRegistry(range, turn, signal);
    },
    mistrust() {
      const byPeers = state.senders.size > 0 && !state.mistrusted;
      state.mistrusted = true;
      for (const nodeId of state.senders) {
        tools.standing.shun(nodeId);
        tools.onFailure(nodeId, new Error(`the bytes of ${blob.digest} were not what they should be`));
      }
      state.senders.clear();
      return byPeers;
    },
    sender() {
      if (state.senders.size === 0) return null;
      const [first] = state.senders;
      const peers = state.senders.size === 1 ? `peer ${first}` : `${state.senders.size} peers`;
      return state.usedRegistry ? `${peers} and the registry` : peers;
    },
    ended(stored) {
      const was = state.keeping;
      was?.abort();
      // A node that gives up lets another one begin at once.
      if (stored) void tools.directory.tell([blob.digest], [], tools.closed).catch(() => undefined);
      else if (was !== null) void tools.directory.tell([], [blob.digest], tools.closed).catch(() => undefined);
    },
  };
}

/** Null: ask the registry. */
async function fromPeers(
  tools: PeerTools,
  state: State,
  blob: { digest: string; size: number },
  range: Range,
  signal: AbortSignal,
): Promise<BlobBody | null> {
  const { standing, clock, limits } = tools;
  const deadline = clock.monotonic() + limits.patienceMs;
  let waitedFor: string | null = null;
  for (let exhausted = false; clock.monotonic() < deadline; ) {
    const claim = await where(tools, blob.digest, exhausted, signal);
    signal.throwIfAborted();
    if (claim === null) return null;
    if (claim.origin) {
      keepClaim(tools, state, blob.digest);
      return null;
    }
    const tried = await tryEach(tools, state, blob, range, claim, signal);
    if (tried.body !== null) return tried.body;
    // Waiting is for a node that is fetching, or for one that is busy; not for one that lied.
    const fetching = claim.fetcher !== null && standing.isTrusted(claim.fetcher.nodeId);
    if (claim.fetcher !== null && !fetching) return null;
    waitedFor = claim.fetcher?.nodeId ?? null;
    exhausted = !tried.busy;
    await clock.sleep(LEAST_WAIT_MS * (1 + 2 * tools.random()), signal);
  }
  // One that says it fetches and gives nothing would else be waited for at every blob.
  if (waitedFor !== null) standing.shun(waitedFor);
  return null;
}

/** A control plane that does not answer, or no sense, leaves the registry. */
async function where({ directory, limits }: PeerTools, digest: string, exhausted: boolean, signal: AbortSignal) {
  try {
    return await directory.claim(digest, exhausted, AbortSignal.any([signal, AbortSignal.timeout(limits.claimMs)]));
  } catch {
    return null;
  }
}

async function tryEach(
  tools: PeerTools,
  state: State,
  blob: { digest: string; size: number },
  range: Range,
  claim: { holders: Peer[]; fetcher: Peer | null },
  signal: AbortSignal,
): Promise<{ body: BlobBody | null; busy: boolean }> {
  const { standing } = tools;
  let busy = false;
  // Who has all of it first: the one that fetches has its line to the registry to fill.
  for (const peer of [...standing.order(claim.holders), ...standing.order(claim.fetcher === null ? [] : [claim.fetcher])]) {
    try {
      const answer = await tools.connections.open(peer, blob, range.from, range.to, signal);
      if (answer.kind === "body") return { body: begin(tools, state, peer, answer, range), busy };
      if (answer.kind === "busy") busy = true;
    } catch (error) {
      signal.throwIfAborted();
      standing.rest(peer.nodeId);
      tools.onFailure(peer.nodeId, error);
    }
  }
  return { body: null, busy };
}

function begin(
  { standing, limits, onBytes, onFailure }: PeerTools,
  state: State,
  { nodeId }: Peer,
  answer: { body: BlobBody["body"]; start: number; end: number; growing: boolean },
  range: Range,
): BlobBody {
  state.senders.add(nodeId);
  standing.began(nodeId);
  const wanted = Math.min(answer.end, range.to) - answer.start;
  // One that is fetching itself is as fast as its registry: only standing still is held against it.
  const least = () =>
    answer.growing ? limits.minimumBytes : Math.max(limits.minimumBytes, standing.bestRate() * limits.windowMs * SLOW_PART);
  const body = metered(answer.body, {
    pace: { windowMs: limits.windowMs, minimumBytes: least },
    onBytes,
    onEnd({ bytes, elapsedMs, slow, error }) {
      standing.ended(nodeId, bytes < TELLING_BYTES || answer.growing ? null : bytes / Math.max(1, elapsedMs));
      if (slow) standing.shun(nodeId);
      else if (bytes < wanted && error !== null) standing.rest(nodeId);
      if (slow || (bytes < wanted && error !== null)) onFailure(nodeId, error);
    },
  });
  return { body, start: answer.start, end: answer.end };
}

/** Says again and again that this node fetches the blob, until it has ended. */
function keepClaim(tools: PeerTools, state: State, digest: string): void {
  if (state.keeping !== null) return;
  const { clock, limits, directory } = tools;
  const keeping = new AbortController();
  state.keeping = keeping;
  const until = AbortSignal.any([keeping.signal, tools.closed]);
  const keep = async () => {
    for (;;) {
      await clock.sleep(limits.renewMs, until);
      await directory.claim(digest, true, until).catch(() => undefined);
    }
  };
  void keep().catch(() => undefined);
}
