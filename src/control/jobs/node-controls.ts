import type { NodeControls } from "../../shared/domain/index.ts";
import type { NodePatch } from "../../shared/wire/index.ts";

export const NO_CONTROLS: NodeControls = { cordoned: false, draining: false, labels: {}, taints: [], quarantines: [] };

/** What an operator's patch makes of a node's controls. Taking the drain away also uncordons. */
export function patchControls(controls: NodeControls, patch: NodePatch): NodeControls {
  const { labels = {}, addTaints = [], removeTaints = [] } = patch;
  const set = Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== null);
  const kept = Object.entries(controls.labels).filter(([key]) => !Object.hasOwn(labels, key));
  const charges = patch.release === true || controls.charges === undefined ? {} : { charges: controls.charges };
  const releases = patch.release === true || controls.releases === undefined ? {} : { releases: controls.releases };
  const gone = new Set([...removeTaints, ...addTaints.map(({ key }) => key)]);
  return {
    cordoned: patch.cordoned ?? (patch.draining === false ? false : controls.cordoned),
    draining: patch.draining ?? (patch.cordoned === false ? false : controls.draining),
    labels: Object.fromEntries([...kept, ...set]),
    taints: [...controls.taints.filter(({ key }) => !gone.has(key)), ...addTaints.filter(({ key }) => !removeTaints.includes(key))],
    quarantines: patch.release === true ? [] : controls.quarantines,
    ...charges,
    ...releases,
  };
}
