import { type Clock, errorText, pause } from "../../shared/domain/index.ts";
import type { Fence, LeaderStore } from "./leader-store.ts";

/** Take-over takes at most the lease and one try: under five seconds. */
const LEASE_MS = 3000;
const TRY_EVERY_MS = 500;

export interface Leader {
  /** This process's fence while its lease lasts by its own clock; null while another leads. */
  fence(): Fence | null;
  /** Holds or waits for the lease until the signal aborts, then lets go. */
  run(signal: AbortSignal): Promise<void>;
}

export interface LeaderOptions {
  store: LeaderStore;
  /** Of this process alone. */
  holder: string;
  clock: Clock;
  /** Called when this process has become the leader (true) or has lost it (false). */
  onChange: (leads: boolean) => void;
  log?: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/**
 * The lease only keeps two schedulers from working at once: that they do no harm when they do (a leader that was stopped
 * and goes on) is the fence's doing, which the store checks in every placement's script. The store's clock ends a lease; a
 * step back of that clock would keep a dead leader in office for as long, so whoever waits also watches by its own
 * monotonic clock that the lease is renewed, and deposes a holder that has not done so for a lease's time.
 */
export function createLeader({ store, holder, clock, onChange, log }: LeaderOptions): Leader {
  let held: { fence: Fence; until: number } | null = null;
  let led = false;
  let watched: { standing: string; since: number } | null = null;

  const fence = () => (held !== null && clock.monotonic() < held.until ? held.fence : null);
  const tell = () => {
    const leads = fence() !== null;
    if (leads === led) return;
    led = leads;
    log?.info({ holder, fence: held?.fence }, leads ? "this replica schedules now" : "another replica schedules now");
    onChange(leads);
  };
  /** @returns whether the lease was taken from a holder that is silent */
  const deposeSilent = async (): Promise<boolean> => {
    const standing = await store.standing();
    // Read after the answer: the renewal that it tells of is not younger.
    const now = clock.monotonic();
    if (standing === null || watched?.standing !== standing) watched = standing === null ? null : { standing, since: now };
    if (watched === null || now - watched.since < LEASE_MS) return false;
    log?.warn({ standing }, "the leader has not renewed its lease in its time: it is deposed");
    await store.depose(watched.standing);
    watched = null;
    return true;
  };
  const acquire = async () => (await store.acquire(holder, LEASE_MS)) ?? ((await deposeSilent()) ? store.acquire(holder, LEASE_MS) : null);
  const attempt = async () => {
    // The lease began before the answer came: counting from the question never believes in it for too long.
    const asked = clock.monotonic();
    try {
      const given = await acquire();
      held = given === null ? null : { fence: given, until: asked + LEASE_MS };
    } catch (error) {
      log?.warn({ error: errorText(error) }, "cannot reach the leader's lease");
    }
    tell();
  };

  return {
    fence,
    run: async (signal) => {
      while (!signal.aborted) {
        await attempt();
        await pause(clock, TRY_EVERY_MS, signal);
      }
      held = null;
      tell();
      await store.release(holder).catch((error: unknown) => log?.warn({ error: errorText(error) }, "cannot let go of the leader's lease"));
    },
  };
}
