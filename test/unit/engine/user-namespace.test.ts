import { expect, it } from "vitest";
import { chooseUserNamespace } from "../../../src/node/engine/choose-user-namespace.ts";

const mapping = { uid: 100_000, gid: 100_000, count: 65_536 };

it.each([
  [undefined, null, null],
  ["host", null, null],
  ["private", null, /--userns-remap/],
  [undefined, { mapping, allowHost: true }, mapping],
  ["private", { mapping, allowHost: false }, mapping],
  ["host", { mapping, allowHost: true }, null],
  ["host", { mapping, allowHost: false }, /does not allow/],
  [undefined, { mapping, allowHost: false }, mapping],
] as const)("a container that wants %s on a node set to %j", (wanted, setting, expected) => {
  const choose = () => chooseUserNamespace(wanted, setting);
  if (expected instanceof RegExp) expect(choose).toThrow(expected);
  else expect(choose()).toEqual(expected);
});
