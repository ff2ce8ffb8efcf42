/** Marks a folder of a layer as hiding what lower layers have there (overlayfs.rst). */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/**
 * The extended attributes a layer may carry: file capabilities, ACLs and the users' own. `trusted.*` and
 * `user.overlay.*` are overlayfs's control input (redirect, metacopy: a layer could name files of another one),
 * `security.*` other than capabilities belongs to the host's policy.
 */
export function isImageXattr(name: string): boolean {
  if (name === "security.capability" || name.startsWith("system.posix_acl_")) return true;
  return name.startsWith("user.") && !name.startsWith("user.overlay.");
}

/** The allowed ones. Symbolic links cannot hold `user.*`. */
export function imageXattrs(xattrs: Record<string, Buffer>, isSymlink = false): Record<string, Buffer> {
  if (isSymlink) return {};
  return Object.fromEntries(Object.entries(xattrs).filter(([name]) => isImageXattr(name)));
}
