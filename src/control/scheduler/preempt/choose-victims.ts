import type { Request } from "../feasible/request.ts";
import { cheapestSteps } from "./cheapest-steps.ts";
import { futureRoom, type PresentRoom, presentRoom } from "./future-room.ts";
import type { Victim, VictimSearch } from "./victims-by-node.ts";

/** The cheapest victims, node by node, until the gang fits; then without those it fits without. Null when it never fits. */
export function chooseVictims(search: VictimSearch, request: Request): Victim[] | null {
  const present = presentRoom(search.entries, search.byId, request);
  const future = futureRoom(present);
  if (future.fits()) return [];
  const chosen = new Set<Victim>();
  const steps = cheapestSteps(search, present, future, chosen);
  if (!steps.mayDo()) return null;
  while (!future.fits()) {
    const step = steps.next();
    if (step === null) return null;
    for (const victim of step) {
      chosen.add(victim);
      future.leave(victim.job);
    }
    steps.renew(step);
  }
  return withoutNeedless(present, [...chosen]);
}

/** Dearest first: each that the gang fits without stays. */
function withoutNeedless(present: PresentRoom, chosen: Victim[]): Victim[] {
  if (chosen.length < 2) return chosen;
  let kept = chosen;
  for (const victim of [...chosen].sort((one, other) => other.cost - one.cost || (one.job.id < other.job.id ? -1 : 1))) {
    const without = kept.filter((other) => other !== victim);
    const future = futureRoom(present);
    for (const { job } of without) future.leave(job);
    if (future.fits()) kept = without;
  }
  return kept;
}
