export { createImageQueue, type ImageQueue } from "./image-queue.ts";
export type { Queues } from "./queues.ts";
export { createQueues } from "./queues.ts";
