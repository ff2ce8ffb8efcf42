import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What scripts/build-native.sh makes. Absolute paths. */
export interface BuiltFiles {
  addon: string;
  leaseGuard: string;
  /** Runs its arguments without the unified cgroup mount. */
  cgroupV1View: string;
  /** The same for crun as one path, as conmon wants its runtime. */
  crunCgroupV1: string;
  gpuPrestart: string;
  /** Folder of the fake NVIDIA driver. */
  fakeNvidia: string;
}

/** `root` is the folder of package.json. None of the files needs to be there: doctor tells which are not. */
export function builtFiles(root: string): BuiltFiles {
  const native = join(root, "native/build/Release");
  return {
    addon: join(native, "berth.node"),
    leaseGuard: join(native, "lease-guard"),
    cgroupV1View: join(native, "cgroup-v1-view"),
    crunCgroupV1: join(native, "crun-cgroup-v1"),
    gpuPrestart: join(root, "hooks/gpu-prestart/build/gpu-prestart"),
    fakeNvidia: join(root, "test/support/fake-nvidia/build"),
  };
}

/** The folder of package.json: src/ and dist/ hold this file equally deep below it. */
export function packageRoot(): string {
  return fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
}
