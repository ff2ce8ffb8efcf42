import type { Clock } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { Native } from "../platform/index.ts";
import type { AgentOptions } from "./agent-options.ts";

/** What one process of the node wing is made of. */
export interface Ground {
  options: AgentOptions;
  native: Native;
  clock: Clock;
  log: Logger;
}
