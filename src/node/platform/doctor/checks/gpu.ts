import { type Check, ok, warn } from "../check.ts";
import type { MachineFacts } from "../machine-facts.ts";

/** Never a failure: jobs without GPUs run everywhere. */
export function checkGpu(facts: MachineFacts): Check {
  const { pciDevices, deviceNodes, kernelDriver, nvml } = facts.gpu;
  const title = "NVIDIA driver";
  if (nvml !== null && "gpus" in nvml) {
    const found = `driver ${nvml.driverVersion}, ${nvml.gpus} GPUs`;
    if (nvml.gpus > 0 || pciDevices === 0) return ok("gpu", title, found);
    return warn(
      "gpu",
      title,
      found,
      `${pciDevices} NVIDIA devices are on the bus, but the driver shows none`,
      "dmesg | grep -i nvrm shows why",
    );
  }
  const hasHardware = pciDevices > 0 || deviceNodes > 0;
  if (!hasHardware && kernelDriver === null) {
    return ok("gpu", title, "no NVIDIA GPU", "jobs without GPUs run; `berth up --simulate-gpus 4` tries out the others");
  }
  if (kernelDriver === null)
    return warn(
      "gpu",
      title,
      `${pciDevices} NVIDIA devices, no driver loaded`,
      "jobs cannot get GPUs",
      "install the NVIDIA driver (Debian: apt-get install nvidia-driver), then modprobe nvidia",
    );
  const why = nvml === null ? "libnvidia-ml.so.1 is missing" : nvml.error;
  return warn(
    "gpu",
    title,
    `kernel driver ${kernelDriver}, NVML does not answer: ${why}`,
    "jobs cannot get GPUs",
    "install the driver's userland of the same version (libnvidia-ml1); nvidia-smi must work",
  );
}
