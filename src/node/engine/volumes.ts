import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { IdMapping } from "../platform/index.ts";
import { checkVolumeName } from "./check-request.ts";

/**
 * The folder of a volume, made when it is not there yet: 0755, the root's of the container that first asked for it.
 * @throws BerthError invalid_request for a name that is not a plain one
 */
export async function openVolume(volumesDir: string, name: string, owner: IdMapping | null): Promise<string> {
  checkVolumeName(name, "/mounts");
  const data = join(volumesDir, name, "data");
  const made = await mkdir(data, { recursive: true, mode: 0o755 });
  if (made !== undefined && owner !== null) await chown(data, owner.uid, owner.gid);
  return data;
}
