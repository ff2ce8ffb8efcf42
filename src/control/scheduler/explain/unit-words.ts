import { gpuCountText, WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { gpuFits } from "../feasible/gpu-fit.ts";
import { mayJoin, unitsOf } from "../feasible/gpu-units.ts";
import type { Blocker } from "../feasible/node-blocker.ts";
import { fittingGpus } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { type SharedGpu, sharesThatFit, usableMillis } from "../feasible/shared-gpu.ts";
import { listed } from "./words.ts";

/** What the node's GPUs lack for one replica now, for people. */
export interface UnitShortage extends Blocker {
  /** `detail` where the job's wish stands beside it: "1 free of 4". */
  short: string;
  /** Of what `detail` counts, some are free: the others' holders are not the whole story. */
  partly: boolean;
}

/** Null when a replica finds its GPUs, its part of one or its MIG devices here. `detail` follows "has" or "have". */
export function unitShortage(entry: FreeNode, request: Request): UnitShortage | null {
  const { node } = entry;
  const { resources } = request;
  const free = fittingGpus(entry, request).length;
  if (free >= resources.gpus) return null;
  if (request.units === "shares") return shareShortage(entry, request);
  const all = unitsOf(node, resources).filter((gpu) => gpuFits(gpu, node, request)).length;
  const unit = resources.migProfile === undefined ? "GPUs" : `MIG devices ${resources.migProfile}`;
  return { kind: "gpu-busy", detail: `${free} of ${all} ${unit} free`, short: `${free} free of ${all}`, partly: free > 0 };
}

/** Too little is left of the GPUs it may share, or what has room is not for it, or all are taken. */
function shareShortage({ node, shared }: FreeNode, request: Request): UnitShortage {
  const { gpuShare } = request.resources;
  const fitting = [...shared.values()].filter(({ gpu }) => gpuFits(gpu, node, request));
  const open = fitting.filter((one) => mayJoin(one, node, request));
  if (open.length > 0) return shortOf("gpu-busy", `at most ${leftText(open)} of a GPU free`, true);
  const roomy = fitting.filter((one) => gpuShare !== undefined && sharesThatFit(one, gpuShare) > 0);
  const [first] = roomy;
  if (first === undefined) return shortOf("gpu-busy", "no GPU free", false);
  const sameWay = roomy.filter(({ sharing }) => sharing === gpuShare?.sharing);
  if (sameWay.length === 0) return shortOf("gpu-shared", `room only on GPUs shared by ${first.sharing}`, true);
  return shortOf("gpu-shared", `room only on GPUs of project ${projectsOf(sameWay)}`, true);
}

function shortOf(kind: Blocker["kind"], detail: string, partly: boolean): UnitShortage {
  return { kind, detail, short: detail, partly };
}

function leftText(open: readonly SharedGpu[]): string {
  return gpuCountText(Math.max(...open.map(usableMillis)) / WHOLE_GPU_MILLIS);
}

function projectsOf(shared: readonly SharedGpu[]): string {
  const names = new Set(shared.flatMap(({ holders }) => [...holders.values()].map(({ project }) => project)));
  return listed([...names].sort(), 3);
}

/** Job id -> how many GPUs (or MIG devices) of the node it has, of the kind that the request asks. */
export function unitHolders({ gpuHolders, migHolders, shared }: FreeNode, { units }: Request): ReadonlyMap<string, number> {
  if (units === "mig") return migHolders;
  if (shared.size === 0) return gpuHolders;
  const all = new Map(gpuHolders);
  for (const { holders } of shared.values())
    for (const [id, { millis }] of holders) all.set(id, (all.get(id) ?? 0) + millis / WHOLE_GPU_MILLIS);
  return all;
}
