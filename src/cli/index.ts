export type { CliIo, StopSignal } from "./cli-io.ts";
export { runCli } from "./main.ts";
