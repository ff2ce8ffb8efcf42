import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { paxEntry, rawEntry } from "./tar-bytes.ts";

/** Entries of a layer that try to reach `target`, the folder of a canary, or "../outside" (classes 1-4, 6, 10 and 12 of the attack list). */
export const hostileEntries = (target: string): Record<string, Buffer[]> => ({
  "a name with ..": [rawEntry({ name: "../outside/canary", body: "x" })],
  "an absolute name": [rawEntry({ name: join(target, "canary"), body: "x" })],
  "a file through a symbolic link": [rawEntry({ name: "l", type: "2", linkName: target }), rawEntry({ name: "l/canary", body: "x" })],
  "a file through a relative link": [rawEntry({ name: "l", type: "2", linkName: "../outside" }), rawEntry({ name: "l/canary", body: "x" })],
  "a file through a link of links": [
    rawEntry({ name: "a", type: "2", linkName: ".." }),
    rawEntry({ name: "b", type: "2", linkName: "a/outside" }),
    rawEntry({ name: "b/canary", body: "x" }),
  ],
  "a file over a link to the canary": [
    rawEntry({ name: "c", type: "2", linkName: join(target, "canary") }),
    rawEntry({ name: "c", body: "x" }),
  ],
  "a hard link to the outside": [rawEntry({ name: "h", type: "1", linkName: join(target, "canary") })],
  "a hard link through a symbolic link": [
    rawEntry({ name: "l", type: "2", linkName: target }),
    rawEntry({ name: "h", type: "1", linkName: "l/canary" }),
    rawEntry({ name: "h", body: "x" }),
  ],
  "metadata through a link": [rawEntry({ name: "m", type: "2", linkName: join(target, "canary"), mode: "0000777", uid: "0001750" })],
  "a folder entry over a link, then a file in it": [
    rawEntry({ name: "d", type: "2", linkName: target }),
    rawEntry({ name: "d", type: "5", mode: "0000755" }),
    rawEntry({ name: "d/canary", body: "x" }),
  ],
  "a whiteout through a link": [rawEntry({ name: "l", type: "2", linkName: target }), rawEntry({ name: "l/.wh.canary" })],
  "an opaque mark through a link": [rawEntry({ name: "l", type: "2", linkName: target }), rawEntry({ name: "l/.wh..wh..opq" })],
  "a whiteout of the parent": [rawEntry({ name: ".wh..." })],
  "a PAX path": [paxEntry({ path: "../outside/canary" }), rawEntry({ name: "x", body: "x" })],
  "a PAX link path": [paxEntry({ linkpath: "../outside/canary" }), rawEntry({ name: "h", type: "1", linkName: "x" })],
  "a GNU long name": [rawEntry({ name: "L", type: "L", body: "../outside/canary\0" }), rawEntry({ name: "x", body: "x" })],
});

/** Names, owners, modes, times and bytes of the files of a folder. */
export async function fingerprint(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).sort()) {
    const { mode, uid, mtimeNs } = await stat(join(folder, name), { bigint: true });
    hash.update(`${name} ${mode} ${uid} ${mtimeNs} ${await readFile(join(folder, name), "utf8")}\n`);
  }
  return hash.digest("hex");
}
