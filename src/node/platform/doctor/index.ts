export type { Check, CheckLevel } from "./check.ts";
export { judgeMachine } from "./judge-machine.ts";
export type { MachineFacts, RedisFacts, ToolFacts, ToolName } from "./machine-facts.ts";
export { readMachine } from "./readers/read-machine.ts";
export { VULNERABILITIES, type Vulnerability, vulnerabilitiesOf } from "./vulnerabilities.ts";
