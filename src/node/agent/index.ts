export type { AgentOptions } from "./agent-options.ts";
export { runAgent } from "./main.ts";
