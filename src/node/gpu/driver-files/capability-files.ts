import type { Capability } from "../types.ts";

interface CapabilityFiles {
  /** Base names: "libcuda" stands for libcuda.so.<driver version>. */
  libraries: readonly string[];
  binaries: readonly string[];
  /** Below /dev. */
  nodes: readonly string[];
  implies: readonly Capability[];
}

/** What each NVIDIA_DRIVER_CAPABILITIES word stands for (libnvidia-container: nvc_info.c tables, options.h, nvc_internal.h). */
export const CAPABILITY_FILES: Readonly<Record<Capability, CapabilityFiles>> = {
  utility: {
    libraries: ["libnvidia-ml", "libnvidia-cfg", "libnvidia-nscq"],
    binaries: ["nvidia-smi", "nvidia-debugdump", "nvidia-persistenced", "nv-fabricmanager"],
    nodes: [],
    implies: [],
  },
  compute: {
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
    binaries: ["nvidia-cuda-mps-control", "nvidia-cuda-mps-server"],
    nodes: ["nvidia-uvm", "nvidia-uvm-tools"],
    implies: [],
  },
  video: {
    libraries: ["libvdpau_nvidia", "libnvidia-encode", "libnvidia-opticalflow", "libnvcuvid"],
    binaries: [],
    nodes: [],
    implies: ["compute"],
  },
  graphics: {
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
      "libnvidia-cbl",
    ],
    binaries: [],
    nodes: [],
    implies: [],
  },
  display: { libraries: [], binaries: [], nodes: ["nvidia-modeset"], implies: ["graphics"] },
  ngx: { libraries: ["libnvidia-ngx"], binaries: [], nodes: [], implies: [] },
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
