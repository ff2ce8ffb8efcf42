import { BerthError } from "../../../shared/domain/index.ts";
import { parseReference } from "../../../shared/oci/index.ts";
import { releaseOf } from "./distributions.ts";

/** An image that is another one and a layer of packages. */
export interface LayeredRecipe {
  /** "python:bookworm" */
  reference: string;
  /** What it stands on: a recipe too, or a distribution. */
  base: string;
  packages: readonly string[];
  /** Components of the archive that only this step asks. */
  components: readonly string[];
  env: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

/** Debian's CUDA runtime libraries (non-free) by release: the packages' names carry their ABI. */
const CUDA: Readonly<Record<string, { version: string; packages: readonly string[] }>> = {
  bookworm: {
    version: "11.8",
    packages: [
      "libcudart11.0",
      "libcublas11",
      "libcublaslt11",
      "libcufft10",
      "libcurand10",
      "libcusolver11",
      "libcusparse11",
      "libnvrtc11.2",
    ],
  },
};

/**
 * "python:bookworm" and "cuda-runtime:bookworm": debian, python and cuda-runtime stand on one another, a layer each, so that
 * every image on one of them shares all that lies below. Null for any other name.
 * @throws BerthError bootstrap_failed for a release that has no such recipe; invalid_reference
 */
export function layeredRecipe(reference: string): LayeredRecipe | null {
  const { registry, repository, tag } = parseReference(reference);
  const name = registry === "docker.io" ? repository.replace(/^library\//, "") : "";
  if (name === "python") return python(tag ?? "");
  return name === "cuda-runtime" ? cudaRuntime(tag ?? "") : null;
}

function python(tag: string): LayeredRecipe {
  const family = ["jammy", "noble", "22.04", "24.04"].includes(tag) ? "ubuntu" : "debian";
  const { codename } = releaseOf(`${family}:${tag}`);
  return {
    reference: `python:${codename}`,
    base: `${family}:${codename}`,
    packages: ["python3", "python3-pip", "python3-venv"],
    components: [],
    env: {},
    labels: {},
  };
}

function cudaRuntime(tag: string): LayeredRecipe {
  const cuda = Object.hasOwn(CUDA, tag) ? CUDA[tag] : undefined;
  if (cuda === undefined) {
    const known = Object.keys(CUDA).map((codename) => `cuda-runtime:${codename}`);
    throw new BerthError("bootstrap_failed", `there is no recipe for cuda-runtime:${tag}: only for ${known.join(", ")}`);
  }
  const requirement = `cuda>=${cuda.version}`;
  return {
    reference: `cuda-runtime:${tag}`,
    base: `python:${tag}`,
    packages: cuda.packages,
    components: ["contrib", "non-free"],
    env: { CUDA_VERSION: cuda.version, NVIDIA_REQUIRE_CUDA: requirement, NVIDIA_DRIVER_CAPABILITIES: "compute,utility" },
    labels: { "io.berth.cuda.version": cuda.version, "io.berth.cuda.require": requirement },
  };
}

/**
 * The Dockerfile of a layered recipe. Further components come from the mirrors of the image's own sources, in a list that is
 * gone with the step; nothing of apt's lists, caches and logs stays in the layer.
 */
export function dockerfileOf({ base, packages, components, env, labels }: LayeredRecipe): string {
  const list = "/etc/apt/sources.list.d/berth-step.list";
  const more = components.length === 0 ? [] : [`sed -n 's/ main.*/ ${components.join(" ")}/p' /etc/apt/sources.list >${list}`];
  const [probe = ""] = packages;
  const unreachable = `echo 'no mirror of this image offers ${components.join(" ")}: ${probe} cannot be had' >&2; exit 1`;
  const steps = [
    "set -e",
    ...more,
    components.length === 0 ? "apt-get update -qq" : `apt-get update -qq || { ${unreachable}; }`,
    // Some mirrors carry the free part only: said in these words instead of apt's.
    ...(components.length === 0 ? [] : [`apt-cache show ${probe} >/dev/null 2>&1 || { ${unreachable}; }`]),
    `DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends ${packages.join(" ")}`,
    "apt-get clean",
    `rm -rf ${list} /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/cache/ldconfig /var/lib/dpkg/*-old`,
    "find /var/log -type f -delete",
  ];
  const quoted = (pairs: Readonly<Record<string, string>>) =>
    Object.entries(pairs).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [
    `FROM ${base}`,
    ...(Object.keys(env).length === 0 ? [] : [`ENV ${quoted(env).join(" ")}`]),
    ...(Object.keys(labels).length === 0 ? [] : [`LABEL ${quoted(labels).join(" ")}`]),
    `RUN ${steps.join("; ")}`,
    "",
  ].join("\n");
}
