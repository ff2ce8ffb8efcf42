/** Docker's names: overlay mounts, or a copy of the image for each container. */
export type StorageDriver = "overlay2" | "vfs";

export interface DriverChoice {
  driver: StorageDriver;
  reason: string;
}

/** `failure`: what the kernel said to a trial mount; null when it worked. */
export function chooseDriver(wanted: "auto" | StorageDriver, failure: string | null): DriverChoice {
  if (wanted !== "auto") return { driver: wanted, reason: "as configured" };
  if (failure === null) return { driver: "overlay2", reason: "the kernel mounts overlayfs here" };
  return { driver: "vfs", reason: `the kernel mounts no overlayfs here: ${failure}` };
}
