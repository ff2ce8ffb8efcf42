import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./exec.ts";

export const TINY = "docker.io/library/tiny:latest";

/** An image TINY of one layer, the tar `layer` in `folder`, as `docker save` writes it: manifest.json, configuration, layer. */
export async function writeImageArchive(folder: string, layer: string, archive: string): Promise<void> {
  const digest = createHash("sha256")
    .update(await readFile(join(folder, layer)))
    .digest("hex");
  const config = {
    ...{ architecture: "amd64", os: "linux" },
    config: { Env: ["PATH=/usr/bin:/bin"], Cmd: ["/bin/busybox", "sleep", "1000"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "manifest.json"), JSON.stringify([{ Config: "config.json", RepoTags: [TINY], Layers: [layer] }]));
  await must("tar", ["-C", folder, "-cf", archive, "manifest.json", "config.json", layer]);
}
