export type { CliIo, StopSignal } from "./cli-io.ts";
export { main, runCli } from "./main.ts";
