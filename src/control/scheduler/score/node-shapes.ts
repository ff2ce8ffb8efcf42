import { type Ask, fitsRoom, type Room, WHOLE_GPU } from "./room.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/** What the expected asks mean for the nodes of one shape (model, number of GPUs, CPUs). */
export interface ShapeOutlook {
  /** CPU that one GPU's worth of the asks which fit here takes with it: mean and standard deviation, thousandths. */
  cpuMean: number;
  cpuDeviation: number;
  /**
   * Demand per GPU here, were each ask spread evenly over the nodes it fits when they are empty; the cluster's average is 1.
   * High where asks fit that fit nowhere else.
   */
  scarcity: number;
}

export type Outlook = (room: Room) => ShapeOutlook;

export const NOTHING_EXPECTED: ShapeOutlook = { cpuMean: 1000, cpuDeviation: 0, scarcity: 1 };

/** Nodes that are alike: one of them empty, and the GPUs of all. */
export interface NodeShape {
  empty: Room;
  gpus: number;
}

/** Looks at the whole cluster once; `rooms` may be used or empty. */
export function outlookOf(rooms: readonly Room[], expected: readonly TypicalAsk[]): Outlook {
  const shapes = shapesOf(rooms);
  const outlooks = shapeOutlooks([...shapes.values()], expected);
  const byKey = new Map([...shapes.keys()].map((key, place) => [key, outlooks[place] ?? NOTHING_EXPECTED]));
  return (room) => byKey.get(shapeOf(room)) ?? NOTHING_EXPECTED;
}

/** One for each shape. */
export function shapeOutlooks(shapes: readonly NodeShape[], expected: readonly TypicalAsk[]): ShapeOutlook[] {
  const asks = expected.filter(({ ask, weight }) => ask.gpus > 0 && ask.gpuMillis > 0 && weight > 0);
  const homes = asks.map(({ ask }) => sum(shapes.map(({ empty, gpus }) => (fitsRoom(empty, ask) ? gpus : 0))));
  const clusterGpus = sum(shapes.map(({ gpus }) => gpus));
  const demand = sum(asks.map(({ ask, weight }) => weight * gpusOf(ask)));
  return shapes.map(({ empty }) => {
    const fitting = asks.flatMap(({ ask, weight }, index) => (fitsRoom(empty, ask) ? [{ ask, weight, home: homes[index] ?? 1 }] : []));
    const spread = sum(fitting.map(({ ask, weight, home }) => (weight * gpusOf(ask)) / home));
    return { ...cpuPerGpu(fitting), scarcity: demand === 0 ? 1 : (spread * clusterGpus) / demand };
  });
}

function cpuPerGpu(asks: readonly TypicalAsk[]): { cpuMean: number; cpuDeviation: number } {
  const gpus = sum(asks.map(({ ask, weight }) => weight * gpusOf(ask)));
  if (gpus === 0) return NOTHING_EXPECTED;
  const mean = sum(asks.map(({ ask, weight }) => weight * ask.cpuMillis)) / gpus;
  const squares = sum(asks.map(({ ask, weight }) => (weight * ask.cpuMillis ** 2) / gpusOf(ask))) / gpus;
  return { cpuMean: Math.max(1, mean), cpuDeviation: Math.sqrt(Math.max(0, squares - mean * mean)) };
}

function shapesOf(rooms: readonly Room[]): Map<string, NodeShape> {
  const shapes = new Map<string, NodeShape>();
  for (const room of rooms) {
    const key = shapeOf(room);
    const known = shapes.get(key);
    if (known !== undefined) known.gpus += room.gpuMillis.length;
    else
      shapes.set(key, { empty: { ...room, ...room.total, gpuMillis: room.gpuMillis.map(() => WHOLE_GPU) }, gpus: room.gpuMillis.length });
  }
  return shapes;
}

function shapeOf({ gpuModel, gpuMillis, total }: Room): string {
  return `${gpuMillis.length} ${total.cpuMillis} ${gpuModel}`;
}

function gpusOf({ gpus, gpuMillis }: Ask): number {
  return (gpus * gpuMillis) / WHOLE_GPU;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
