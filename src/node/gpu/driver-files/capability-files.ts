import type { Capability, ServiceEndpoint } from "../types.ts";

interface CapabilityFiles {
  /** Base names: "libcuda" stands for libcuda.so.<driver version>. */
  libraries: readonly string[];
  /** Base names of libraries with a version of their own: what <base>.so.1 leads to. */
  ownVersion: readonly string[];
  binaries: readonly string[];
  /** Below /dev. */
  nodes: readonly string[];
  services: readonly ServiceEndpoint["service"][];
  implies: readonly Capability[];
}

const NOTHING: CapabilityFiles = { libraries: [], ownVersion: [], binaries: [], nodes: [], services: [], implies: [] };

/**
 * What each NVIDIA_DRIVER_CAPABILITIES word stands for (libnvidia-container: nvc_info.c tables, options.h, nvc_internal.h;
 * nvidia-container-toolkit: pkg/nvcdi for what came later). compat32 is a word of its own: the 32-bit files of the other words.
 */
export const CAPABILITY_FILES: Readonly<Record<Capability, CapabilityFiles>> = {
  utility: {
    ...NOTHING,
    libraries: ["libnvidia-ml", "libnvidia-cfg", "libnvidia-nscq", "libnvidia-sandboxutils"],
    binaries: ["nvidia-smi", "nvidia-debugdump", "nvidia-persistenced", "nv-fabricmanager", "nvidia-imex", "nvidia-imex-ctl"],
    services: ["persistenced", "fabricmanager"],
  },
  compute: {
    ...NOTHING,
    libraries: [
      "libcuda",
      "libcudadebugger",
      "libnvidia-opencl",
      "libnvidia-gpucomp",
      "libnvidia-ptxjitcompiler",
      "libnvidia-fatbinaryloader",
      "libnvidia-allocator",
      "libnvidia-compiler",
      "libnvidia-pkcs11",
      "libnvidia-pkcs11-openssl3",
      "libnvidia-nvvm",
      "libnvidia-tileiras",
    ],
    ownVersion: ["libnvidia-nvvm70"],
    binaries: ["nvidia-cuda-mps-control", "nvidia-cuda-mps-server"],
    nodes: ["nvidia-uvm", "nvidia-uvm-tools"],
    services: ["mps"],
  },
  video: {
    ...NOTHING,
    libraries: ["libvdpau_nvidia", "libnvidia-encode", "libnvidia-opticalflow", "libnvcuvid"],
    implies: ["compute"],
  },
  graphics: {
    ...NOTHING,
    libraries: [
      "libnvidia-eglcore",
      "libnvidia-glcore",
      "libnvidia-tls",
      "libnvidia-glsi",
      "libnvidia-fbc",
      "libnvidia-ifr",
      "libnvidia-rtcore",
      "libnvoptix",
      "libGLX_nvidia",
      "libEGL_nvidia",
      "libGLESv2_nvidia",
      "libGLESv1_CM_nvidia",
      "libnvidia-glvkspirv",
      "libnvidia-vulkan-producer",
      "libnvidia-cbl",
      "libnvidia-gpucomp",
      "libnvidia-allocator",
    ],
    ownVersion: [
      "libnvidia-egl-gbm",
      "libnvidia-egl-wayland",
      "libnvidia-egl-wayland2",
      "libnvidia-egl-xcb",
      "libnvidia-egl-xlib",
      "libnvidia-api",
    ],
  },
  display: { ...NOTHING, nodes: ["nvidia-modeset"], implies: ["graphics"] },
  ngx: { ...NOTHING, libraries: ["libnvidia-ngx"] },
  compat32: NOTHING,
};

/**
 * Names that programs open and that no package needs to have made: the linker's own name of libcuda (dlopen("libcuda.so")),
 * libvdpau's fallback, and GLVND's vendor for indirect rendering.
 */
export const EXTRA_LINKS: Readonly<Record<string, readonly string[]>> = {
  libcuda: ["libcuda.so"],
  "libnvidia-opticalflow": ["libnvidia-opticalflow.so"],
  libvdpau_nvidia: ["libvdpau_nvidia.so"],
  libGLX_nvidia: ["libGLX_indirect.so.0"],
};

/** The capabilities and what they imply, each once, in table order. */
export function closeCapabilities(asked: readonly Capability[]): Capability[] {
  const closed = new Set<Capability>();
  const add = (capability: Capability): void => {
    if (closed.has(capability)) return;
    closed.add(capability);
    CAPABILITY_FILES[capability].implies.forEach(add);
  };
  asked.forEach(add);
  return (Object.keys(CAPABILITY_FILES) as Capability[]).filter((capability) => closed.has(capability));
}
