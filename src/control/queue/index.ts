export { createQueues } from "./queues.ts";
export type { Queues, QueuesOptions } from "./queues.ts";
