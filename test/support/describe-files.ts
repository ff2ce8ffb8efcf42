import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** One line for each file: all that a program can tell of it. */
export async function describeFiles(root: string): Promise<string> {
  const script =
    "cd \"$0\" && find . -mindepth 1 -type d -printf '%p %m %U %G %T@\\n' | sort && find . ! -type d -printf '%p %y %m %U %G %T@ %n %l\\n' | sort && find . -type f -exec sha256sum {} + | sort -k2 && getfattr -R -d -m 'user|security' --absolute-names . | sed '/^#/d'";
  return (await promisify(execFile)("/bin/sh", ["-c", script, root], { maxBuffer: 1 << 28 })).stdout;
}
