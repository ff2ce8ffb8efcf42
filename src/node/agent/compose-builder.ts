import { BerthError } from "../../shared/domain/index.ts";
import type { EngineParts, Ground } from "./compose.ts";
import type { LocalApiPort } from "./local-api/port.ts";

/** Builds and bootstraps for the local API. */
export function composeBuilder(_ground: Ground, _parts: EngineParts): Pick<LocalApiPort, "build" | "bootstrap"> {
  const missing = async () => {
    throw new BerthError("missing_requirement", "this agent has no builder");
  };
  return { build: missing, bootstrap: missing };
}
