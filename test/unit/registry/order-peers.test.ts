import { expect, test } from "vitest";
import { orderPeers } from "../../../src/node/registry/peers/order-peers.ts";

const peer = (nodeId: string, distance?: number) => ({ nodeId, address: "10.0.0.1:8471", ...(distance !== undefined && { distance }) });
const order = (peers: ReturnType<typeof peer>[], busy: Record<string, number> = {}, chance = () => 0.5) =>
  orderPeers(peers, (nodeId) => busy[nodeId] ?? 0, chance).map(({ nodeId }) => nodeId);

test("a peer of this node's rack is asked first, however busy; one of unknown place last", () => {
  expect(order([peer("unknown"), peer("far", 2), peer("mate", 0), peer("cousin", 1)], { mate: 7 })).toEqual([
    "mate",
    "cousin",
    "far",
    "unknown",
  ]);
});

test("of equally near ones the one with the fewest transfers, then chance", () => {
  expect(order([peer("a", 1), peer("b", 1), peer("c", 1)], { a: 2, b: 1 })).toEqual(["c", "b", "a"]);
  const draws = [0.9, 0.1];
  expect(order([peer("a", 1), peer("b", 1)], {}, () => draws.shift() ?? 0)).toEqual(["b", "a"]);
});
