import type { Clock } from "../../../shared/domain/index.ts";
import type { Native } from "../native.ts";
import { isProcessAlive, type ProcessIdentity } from "./identity.ts";

export interface LockPorts {
  native: Pick<Native, "tryLock">;
  clock: Clock;
}

const PATIENCE_MS = 5_000;
const LOOK_MS = 10;

/**
 * Takes the flock of `fd` unless a living process has it. One that is named as the holder and has ended is waited for, up to
 * five seconds: what it was starting when it was killed has its files open until it executes its own program (fcntl(2),
 * FD_CLOEXEC), and would keep the next one from starting.
 * @param holder who wrote its name into the file; null while nobody has
 */
export async function tryLockOf({ native, clock }: LockPorts, fd: number, holder: () => Promise<ProcessIdentity | null>): Promise<boolean> {
  const deadline = clock.monotonic() + PATIENCE_MS;
  while (!native.tryLock(fd)) {
    const named = await holder();
    if (named === null || clock.monotonic() > deadline || (await isProcessAlive(named))) return false;
    await clock.sleep(LOOK_MS);
  }
  return true;
}
