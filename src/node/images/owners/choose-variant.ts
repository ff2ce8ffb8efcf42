/** How a container in a user namespace gets files of its own ids. */
export type OwnersVariant =
  /** The mounts of layers map owners; the disk holds the container's ids. */
  | { kind: "idmapped" }
  /** Copies of the layers are chowned; the disk holds the host's ids. */
  | { kind: "chowned"; reason: string }
  | { kind: "refused"; reason: string };

/** What is left where a start was not refused. */
export type UsableVariant = Exclude<OwnersVariant, { kind: "refused" }>;

export interface OwnersFacts {
  /** "auto" takes the first that works. */
  wanted: "auto" | "idmapped" | "chowned";
  /** Linux release, "6.1.0-18-amd64". */
  kernel: string;
  /** Type of the file system that holds the layers, "ext4". */
  fileSystem: string;
  /** What the kernel said to a trial mount; null when it worked. */
  failure: string | null;
}

/** Copies cost disk and time once a layer, so they are for hosts that cannot do without. */
export function chooseOwnersVariant({ wanted, kernel, fileSystem, failure }: OwnersFacts): OwnersVariant {
  if (wanted === "chowned") return { kind: "chowned", reason: "as configured" };
  if (failure === null) return { kind: "idmapped" };
  const reason = `Linux ${kernel} on ${fileSystem} does not map the owners of layers: ${failure}`;
  return wanted === "idmapped" ? { kind: "refused", reason } : { kind: "chowned", reason };
}
