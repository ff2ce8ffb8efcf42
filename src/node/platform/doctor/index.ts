export type { Check, CheckLevel } from "./check.ts";
export { judgeMachine } from "./judge-machine.ts";
export type { MachineFacts, RedisFacts } from "./machine-facts.ts";
export { readMachine } from "./readers/read-machine.ts";
