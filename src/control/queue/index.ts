export type { Queues } from "./queues.ts";
export { createQueues } from "./queues.ts";
