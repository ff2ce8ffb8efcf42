import { BerthError, type GpuCondition, type JobSpec, type ResourceRequest, type VersionOperator } from "../domain/index.ts";
import type { JobSpecInput } from "./job-spec-schema.ts";

type Resources = NonNullable<JobSpecInput["resources"]>;
type ReadBytes = (text: string | number) => number;

/** @throws BerthError invalid_job_spec when min is above max */
export function resolveReplicas(asked: NonNullable<JobSpecInput["replicas"]>): Pick<JobSpec, "replicas" | "minReplicas"> {
  if (typeof asked === "number") return { replicas: asked };
  if (asked.min > asked.max) refuse("/replicas/min", `${asked.min} is more than max ${asked.max}`);
  return asked.min === asked.max ? { replicas: asked.max } : { replicas: asked.max, minReplicas: asked.min };
}

/** "24GB..80GB", "24Gi", "..40Gi", and the conditions on driver, CUDA and compute capability. */
export function gpuWishes(
  asked: Resources,
  readBytes: ReadBytes,
): Pick<ResourceRequest, "gpuMemoryBytes" | "gpuMemoryMaxBytes" | "gpuConditions"> {
  const conditions = [
    ...conditionsOf("compute-capability", asked.computeCapability),
    ...conditionsOf("driver", asked.driver),
    ...conditionsOf("cuda", asked.cuda),
  ];
  return { ...memoryRange(asked.gpuMemory, readBytes), ...(conditions.length === 0 ? {} : { gpuConditions: conditions }) };
}

function memoryRange(
  asked: string | number | undefined,
  readBytes: ReadBytes,
): Pick<ResourceRequest, "gpuMemoryBytes" | "gpuMemoryMaxBytes"> {
  if (asked === undefined) return { gpuMemoryBytes: null };
  const [from = "", to, ...more] = String(asked).split("..");
  if (more.length > 0 || (from === "" && (to ?? "") === ""))
    refuse("/resources/gpuMemory", `${JSON.stringify(asked)} is not a range like 24GB..80GB`);
  const least = from.trim() === "" ? null : readBytes(from.trim());
  if (to === undefined || to.trim() === "") return { gpuMemoryBytes: least };
  const most = readBytes(to.trim());
  if (least !== null && least > most) refuse("/resources/gpuMemory", `${asked}: the range is empty`);
  return { gpuMemoryBytes: least, gpuMemoryMaxBytes: most };
}

/** ">=8.0,<9.0"; a bare version means at least that. The schema has checked the form. */
function conditionsOf(subject: GpuCondition["subject"], text: string | undefined): GpuCondition[] {
  return (text?.split(",") ?? []).map((part) => {
    const match = /^(>=|<=|!=|>|<|=)?\s*(.+)$/.exec(part.trim());
    return { subject, operator: (match?.[1] ?? ">=") as VersionOperator, value: match?.[2] ?? "" };
  });
}

/** What \`uname -m\` calls them -> the OCI image spec's names, by which nodes are known. */
const OCI_ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** Nothing when the job has no wishes, so that its row stays as small as before. */
export function resolvePlacement(input: JobSpecInput, readBytes: ReadBytes): Pick<JobSpec, "placement"> {
  const { placement: asked = {}, resources } = input;
  if (Object.keys(asked).length === 0 && resources?.disk === undefined) return {};
  return {
    placement: {
      architecture: asked.architecture === undefined ? null : (OCI_ARCHITECTURES[asked.architecture] ?? asked.architecture),
      diskBytes: resources?.disk === undefined ? null : readBytes(resources.disk),
      nodeSelector: { ...asked.nodeSelector },
      tolerations: (asked.tolerations ?? []).map(({ key, value }) => ({ key, value: value ?? null })),
      excludedNodes: [...new Set(asked.excludeNodes)],
      maxPerNode: asked.maxPerNode ?? null,
      sameLabel: asked.together ?? null,
      spreadLabel: asked.spread ?? null,
    },
  };
}

function refuse(field: string, message: string): never {
  throw new BerthError("invalid_job_spec", `${field}: ${message}`, { field });
}
