import { errorText } from "../../shared/domain/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineCore } from "./engine-core.ts";
import { finish } from "./finish.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import { monitored } from "./monitored.ts";

/** Waits for the end of a running container and then finishes it, after whatever else is being done with it. */
export function watch(core: EngineCore, locks: KeyedLock, record: ContainerRecord): void {
  const { id } = record.request;
  core.monitor.watch(monitored(core.paths, id), (end) => {
    locks
      .run(id, () => finish(core, record, end))
      .catch((error: unknown) => core.options.logger.error({ container: id }, `cannot record the end of a container: ${errorText(error)}`));
  });
}
