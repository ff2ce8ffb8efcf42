import type { MountRequest } from "../../../shared/domain/index.ts";
import type { IdMapping } from "../../platform/index.ts";
import type { MountInput } from "../../runtime/index.ts";
import { resolveBind } from "../binds.ts";
import { openVolume } from "../volumes.ts";

/** Turns volumes and binds into host paths. @throws BerthError mount_forbidden, invalid_request */
export async function resolveMounts(
  mounts: readonly MountRequest[],
  options: { volumes: string; allowBind: readonly string[]; owner: IdMapping | null },
): Promise<MountInput[]> {
  return Promise.all(
    mounts.map(async ({ type, source, target, readOnly }) => ({
      source: type === "volume" ? await openVolume(options.volumes, source, options.owner) : await resolveBind(source, options.allowBind),
      target,
      readOnly,
    })),
  );
}
