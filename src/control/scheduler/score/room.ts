/** What is left of one node, as the scores see it. A GPU counts 1000 when nothing holds a share of it. */
export interface Room {
  cpuMillis: number;
  memoryBytes: number;
  /** Thousandths left of each GPU. */
  gpuMillis: number[];
  /** Model of its GPUs: one a node. */
  gpuModel: string;
  /** What it has in all. */
  total: { cpuMillis: number; memoryBytes: number };
}

/** What one replica asks, as the scores see it: whole GPUs are 1000 each, a share is one GPU with less. */
export interface Ask {
  cpuMillis: number;
  memoryBytes: number;
  gpus: number;
  /** Thousandths of each GPU. */
  gpuMillis: number;
  /** Models that serve it; null takes any. */
  gpuModels: ReadonlySet<string> | null;
}

export const WHOLE_GPU = 1000;

/** Counts only: which GPUs it gets is the policy's choice. */
export function fitsRoom(room: Room, ask: Ask): boolean {
  if (room.cpuMillis < ask.cpuMillis || room.memoryBytes < ask.memoryBytes) return false;
  return ask.gpus === 0 || (modelServes(room, ask) && gpusThatFit(room, ask) >= ask.gpus);
}

/** By the model's whole name, as traces have it. */
export function modelServes(room: Room, ask: Ask): boolean {
  return ask.gpuModels === null || ask.gpuModels.has(room.gpuModel);
}

/** How many GPUs have at least the asked thousandths left each. */
export function gpusThatFit(room: Room, ask: Ask): number {
  let count = 0;
  for (const left of room.gpuMillis) if (left >= ask.gpuMillis) count += 1;
  return count;
}

/** Positions of the first GPUs of `order` that fit the ask. */
export function firstThatFit(room: Room, ask: Ask, order: readonly number[] = [...room.gpuMillis.keys()]): number[] {
  return order.filter((index) => (room.gpuMillis[index] ?? 0) >= ask.gpuMillis).slice(0, ask.gpus);
}

/** Changes `room`; the caller has seen that it fits. */
export function book(room: Room, ask: Ask, gpus: readonly number[]): void {
  room.cpuMillis -= ask.cpuMillis;
  room.memoryBytes -= ask.memoryBytes;
  for (const index of gpus) room.gpuMillis[index] = (room.gpuMillis[index] ?? 0) - ask.gpuMillis;
}

/** Thousandths of a GPU, over all GPUs. */
export function gpuMillisLeft(room: Room): number {
  return room.gpuMillis.reduce((sum, left) => sum + left, 0);
}
