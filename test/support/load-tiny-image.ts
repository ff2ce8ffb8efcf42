import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Berth } from "./berth.ts";
import { writeTinyImageArchive } from "./tiny-image.ts";

/** Loads the busybox image "tiny" through the command line, as a user loads an archive. */
export async function loadTinyImage(berth: Berth, target: { node?: string } = {}): Promise<void> {
  const archive = await writeTinyImageArchive(join(berth.dataDir, "tiny.tar"));
  const { child, result } = berth.spawnCli([...(target.node ? ["--node", target.node] : []), "images", "load"]);
  child.stdin?.end(await readFile(archive));
  const loaded = await result;
  if (loaded.code !== 0) throw new Error(`images load: ${loaded.stderr}`);
}
