import { BerthError } from "../../shared/domain/index.ts";
import { bootstrapImage } from "../images/index.ts";
import type { EngineParts, Ground } from "./compose.ts";
import type { LocalApiPort } from "./local-api/port.ts";

/** Builds and bootstraps for the local API. */
export function composeBuilder({ options, native }: Ground, { images }: EngineParts): Pick<LocalApiPort, "build" | "bootstrap"> {
  return {
    build: async () => {
      throw new BerthError("missing_requirement", "this agent has no builder");
    },
    bootstrap: (call, progress, signal) => bootstrapImage({ ...call, store: images, dataDir: options.dataDir, native, progress, signal }),
  };
}
