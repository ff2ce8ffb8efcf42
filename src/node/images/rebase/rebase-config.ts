import { BerthError } from "../../../shared/domain/index.ts";
import type { ImageConfig } from "../types.ts";

export const BASE_NAME_LABEL = "org.opencontainers.image.base.name";
export const BASE_DIGEST_LABEL = "org.opencontainers.image.base.digest";

type Stack = Pick<ImageConfig, "rootfs" | "history" | "config" | "architecture" | "os">;

/** True when the base's layers are the lower layers of the image, by diff ID: however they are compressed. */
export function standsOn(image: Pick<ImageConfig, "rootfs">, base: Pick<ImageConfig, "rootfs">): boolean {
  const below = base.rootfs.diff_ids;
  return (
    below.length > 0 &&
    below.length < image.rootfs.diff_ids.length &&
    below.every((diffId, index) => diffId === image.rootfs.diff_ids[index])
  );
}

/**
 * The config of an image whose base was swapped, by the rules of `crane rebase`: the image's own config, platform of the new
 * base; layers and history of the new base, then what the image had above the old one.
 *
 * One thing more: what the image says of CUDA only because its old base said so, it now says as the new base does, or the
 * scheduler would go by libraries that are no longer there.
 * @throws BerthError image_invalid when the image does not stand on the old base
 */
export function rebasedConfig(image: ImageConfig, oldBase: Stack, newBase: Stack, base: { name: string; digest: string }): ImageConfig {
  if (!standsOn(image, oldBase))
    throw new BerthError("image_invalid", "the image does not stand on the old base: its lower layers are others");
  const config = withBaseFacts(image.config, oldBase.config, newBase.config);
  const labels = { ...config.Labels, [BASE_NAME_LABEL]: base.name, [BASE_DIGEST_LABEL]: base.digest };
  const history = [...(newBase.history ?? []), ...(image.history ?? []).slice(oldBase.history?.length ?? 0)];
  return {
    ...image,
    architecture: newBase.architecture,
    os: newBase.os,
    config: { ...config, Labels: labels },
    rootfs: { type: "layers", diff_ids: [...newBase.rootfs.diff_ids, ...image.rootfs.diff_ids.slice(oldBase.rootfs.diff_ids.length)] },
    ...(history.length === 0 ? {} : { history }),
  };
}

const BASE_LABELS = /^(?:io\.berth\.(?:cuda|bootstrap|recipe)\.|com\.nvidia\.)/;
const BASE_VARIABLES = /^(?:CUDA_VERSION|NVIDIA_REQUIRE_CUDA|NV_[A-Z0-9_]+)$/;

function withBaseFacts(own: ImageConfig["config"], before: ImageConfig["config"], after: ImageConfig["config"]): ImageConfig["config"] {
  const labels = inherited(own.Labels ?? {}, before.Labels ?? {}, after.Labels ?? {}, BASE_LABELS);
  const env = inherited(variables(own.Env), variables(before.Env), variables(after.Env), BASE_VARIABLES);
  const Env = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return { ...own, Labels: labels, ...(Env.length === 0 ? {} : { Env }) };
}

/** A fact that is still the old base's becomes the new base's, or goes; one that the image changed stays. */
function inherited(
  own: Record<string, string>,
  before: Record<string, string>,
  after: Record<string, string>,
  fact: RegExp,
): Record<string, string> {
  const kept = Object.entries(own).filter(([name, value]) => !fact.test(name) || before[name] !== value);
  const added = Object.entries(after).filter(([name]) => fact.test(name) && !kept.some(([known]) => known === name));
  return Object.fromEntries([...kept, ...added]);
}

function variables(env: readonly string[] | undefined): Record<string, string> {
  return Object.fromEntries((env ?? []).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
