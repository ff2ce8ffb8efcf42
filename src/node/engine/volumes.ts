import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkVolumeName } from "./check-request.ts";

/**
 * The folder of a volume, made when it is not there yet: 0755, root's.
 * @throws BerthError invalid_request for a name that is not a plain one
 */
export async function openVolume(volumesDir: string, name: string): Promise<string> {
  checkVolumeName(name, "/mounts");
  const data = join(volumesDir, name, "data");
  await mkdir(data, { recursive: true, mode: 0o755 });
  return data;
}
