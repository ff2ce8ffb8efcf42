import { identifyProcess, isProcessAlive } from "../../src/node/platform/index.ts";

/** "PID-START" of a process in base 36: a pid alone is used again, both together name one process until the next boot. */
export async function processMarker(pid: number): Promise<string> {
  const identity = await identifyProcess(pid);
  if (identity === null) throw new Error(`there is no process ${pid}`);
  return `${identity.pid.toString(36)}-${Number(identity.startTimeTicks).toString(36)}`;
}

/** True for PREFIX-PID-START, and for PREFIX-PID-START-ANYTHING, of a process that is gone. */
export async function isOfDeadProcess(name: string, prefix: string): Promise<boolean> {
  const found = new RegExp(`^${prefix}-([0-9a-z]{1,5})-([0-9a-z]{1,10})(-|$)`).exec(name);
  if (found === null) return false;
  const [pid, start] = [Number.parseInt(found[1] ?? "", 36), Number.parseInt(found[2] ?? "", 36)];
  return !(await isProcessAlive({ pid, startTimeTicks: String(start) }));
}
