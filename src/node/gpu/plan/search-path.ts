const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Appends `folder`; one that is there already stays where it is. `present` undefined takes `fallback`. */
export function appendFolder(present: string | undefined, folder: string, fallback = ""): string {
  const folders = (present ?? fallback).split(":").filter((entry) => entry !== "");
  return folders.includes(folder) ? folders.join(":") : [...folders, folder].join(":");
}

/** The PATH of a process that says nothing of it, plus `folder` (runtimes and shells use the same default). */
export function appendToPath(present: string | undefined, folder: string): string {
  return appendFolder(present, folder, DEFAULT_PATH);
}
