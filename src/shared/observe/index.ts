export type { Logger } from "./logger.ts";
export { createLogger, redactUrl, silentLogger } from "./logger.ts";
export { METRICS } from "./metric-names.ts";
export type { Metrics } from "./metrics.ts";
export { createMetrics } from "./metrics.ts";
export { recordJobChange } from "./record-job.ts";
export type { Allocated, NodeUse } from "./record-nodes.ts";
export { recordNodes } from "./record-nodes.ts";
export { recordPending } from "./record-pending.ts";
