import type { NodeCapacity } from "../snapshot.ts";
import type { GpuModel } from "./expected-mix.ts";
import type { NodeShape } from "./node-shapes.ts";
import { type Room, WHOLE_GPU } from "./room.ts";

/** The kinds of nodes there are. Depends on nothing but the nodes, so it lasts as long as they do. */
export interface ClusterShapes {
  shapes: readonly NodeShape[];
  /** A GPU of each shape. */
  models: readonly GpuModel[];
  /** Place of the node's shape in `shapes`. */
  placeOf(node: NodeCapacity): number;
}

/** By numbers and not by text: there may be ten thousand nodes. */
export function clusterShapes(nodes: readonly { node: NodeCapacity }[]): ClusterShapes {
  const places = new Map<string, Map<number, number>>();
  const shapes: NodeShape[] = [];
  const models: GpuModel[] = [];
  const placeOf = (node: NodeCapacity) => {
    const model = node.gpus[0]?.model ?? "";
    let ofModel = places.get(model);
    if (ofModel === undefined) {
      ofModel = new Map();
      places.set(model, ofModel);
    }
    const key = node.cpuMillis * 1024 + node.gpus.length;
    let place = ofModel.get(key);
    if (place === undefined) {
      place = shapes.push({ empty: emptyRoom(node), gpus: 0 }) - 1;
      models.push(...node.gpus.slice(0, 1));
      ofModel.set(key, place);
    }
    return place;
  };
  for (const { node } of nodes) {
    const shape = shapes[placeOf(node)];
    if (shape !== undefined) shape.gpus += node.gpus.length;
  }
  return { shapes, models, placeOf };
}

function emptyRoom({ cpuMillis, memoryBytes, gpus }: NodeCapacity): Room {
  const total = { cpuMillis, memoryBytes };
  return { ...total, gpuMillis: gpus.map(() => WHOLE_GPU), gpuModel: gpus[0]?.model ?? "", total };
}
