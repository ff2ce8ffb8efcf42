import { errorText, type GpuCondition, type ImageLayer, type JobSpec, largeLayers } from "../../shared/domain/index.ts";
import { imageRequirements, requirementConditions } from "../../shared/gpu-requirements/index.ts";
import { isDigest, type RegistryAccess } from "../../shared/oci/index.ts";
import { readImage } from "./read-image.ts";

const LONGEST_NOTE = 500;

/** What a registry says of a job's image, or why it says nothing. */
export interface ImageFacts {
  requirements: GpuCondition[][][];
  /** What the name means now; null when it is not known, or the node's own image will do. */
  digest: string | null;
  /** CPU architectures it is made for; [] when they are not known. */
  architectures: string[];
  /** Its large layers; [] when they are not known. */
  layers: ImageLayer[];
  /** For people; null when there is nothing to say. */
  note: string | null;
}

/** Never rejects: what cannot be read asks nothing, for the node judges when the container starts, and the note says so. */
export async function readImageFacts(
  registries: Pick<RegistryAccess, "clientFor">,
  spec: JobSpec,
  signal: AbortSignal,
  longestMs: number,
): Promise<ImageFacts> {
  const { image, env, placement, pull, resources } = spec;
  const timed = AbortSignal.any([signal, AbortSignal.timeout(longestMs)]);
  try {
    const found = await readImage(await registries.clientFor(image, null), image, placement?.architecture ?? null, timed);
    // As the container will have it: the job's own variables win, NVIDIA_DISABLE_REQUIRE among them.
    const requirements = resources.gpus === 0 ? [] : requirementConditions(imageRequirements({ ...found.env, ...env }));
    // Who says "missing" means what the node has, whatever the registry says.
    const digest = pull !== "missing" && isDigest(found.digest) ? found.digest : null;
    const note = requirements.length === 0 ? null : `${image} requires ${requirementsText(requirements)}`;
    return { requirements, digest, architectures: found.architectures, layers: largeLayers(found.layers), note };
  } catch (error) {
    const why = timed.aborted ? `no answer within ${longestMs / 1000} s` : errorText(error);
    return { requirements: [], digest: null, architectures: [], layers: [], note: failureNote(spec, why).slice(0, LONGEST_NOTE) };
  }
}

function failureNote({ image, resources }: JobSpec, why: string): string {
  return resources.gpus > 0
    ? `cannot read what ${image} requires of a GPU: ${why}; the node judges when it starts`
    : `cannot look up ${image}: ${why}; the node takes what the name means when it starts`;
}

/** The alternative that image authors write for everybody is the first: "cuda >= 12.4". */
function requirementsText(requirements: readonly GpuCondition[][][]): string {
  const words = requirements.map(([first = []]) =>
    first.map(({ subject, operator, value }) => `${subject} ${operator} ${value}`).join(", "),
  );
  return words.join(", ").slice(0, LONGEST_NOTE);
}
