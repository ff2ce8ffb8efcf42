import type { NativeRoot } from "../../platform/index.ts";
import { buildError } from "../build-error.ts";

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/**
 * Follows the symbolic links in a path as a process chrooted to `root` would: "lib/x" -> "usr/lib/x". Components that do
 * not exist stay as they are. Only decides names: what is then done with them goes through `root` again, which no path
 * leaves even when somebody swaps a link in between.
 * @throws BerthError build_failed for a loop
 */
export async function resolveInRoot(root: NativeRoot, path: string): Promise<string> {
  const done: string[] = [];
  const left = partsOf(path);
  for (let links = 0; left.length > 0; ) {
    const part = left.shift() as string;
    if (part === "..") done.pop();
    if (part === "..") continue;
    const here = [...done, part].join("/");
    if ((await root.stat(here))?.kind !== "symlink") {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS) throw buildError(`too many symbolic links in ${JSON.stringify(path)}`);
    const target = await root.readlink(here);
    if (target.startsWith("/")) done.length = 0;
    left.unshift(...partsOf(target));
  }
  return done.join("/");
}

/** "./usr//lib/" -> ["usr", "lib"]. */
export function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
