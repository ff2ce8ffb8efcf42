import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { advertisedAddress } from "../../../src/cli/supervise/advertised-address.ts";

const inside = { internal: true, family: "IPv4", address: "127.0.0.1" } as NetworkInterfaceInfo;
const outside = { internal: false, family: "IPv4", address: "192.0.2.7" } as NetworkInterfaceInfo;
const interfaces = { lo: [inside], eth0: [outside] };

test.each([
  ["127.0.0.1:8470", undefined],
  ["localhost:8470", undefined],
  ["[::1]:8470", undefined],
  ["10.77.0.1:8470", "10.77.0.1"],
  ["[2001:db8::1]:8470", "2001:db8::1"],
  ["0.0.0.0:8470", "192.0.2.7"],
  ["[::]:8470", "192.0.2.7"],
])("a Berth that listens on %s is reached by its peers at %s", (listen, expected) => {
  expect(advertisedAddress(listen, interfaces)).toBe(expected);
});

test("a machine without an outside address advertises none", () => {
  expect(advertisedAddress("0.0.0.0:8470", { lo: [inside] })).toBeUndefined();
});
