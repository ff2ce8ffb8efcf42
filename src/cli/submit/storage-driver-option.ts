import { Option } from "commander";

/** --storage-driver of `berth up` and `berth agent`, by dockerd's names. */
export function storageDriverOption(): Option {
  const text = "overlay mounts, or a copy of the image for each container (auto: overlay2 where the kernel has it)";
  return new Option("--storage-driver <name>", text).choices(["auto", "overlay2", "vfs"]).default("auto");
}
