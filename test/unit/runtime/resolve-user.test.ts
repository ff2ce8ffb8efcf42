import { describe, expect, it } from "vitest";
import { resolveUser } from "../../../src/node/runtime/index.ts";

const PASSWD =
  "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbad:x:99999999999:1::/:/bin/sh\nshort\n7:x:1007:1007::/seven:/bin/sh\n";
const GROUP = "root:x:0:\nann:x:1000:\nvideo:x:44:ann,bob\nrender:x:105:ann\nbad:x:-1:ann\n";

describe("USER", () => {
  it.each([
    ["", { uid: 0, gid: 0, home: "/root" }],
    ["root", { uid: 0, gid: 0, home: "/root" }],
    ["ann", { uid: 1000, gid: 1000, home: "/home/ann", additionalGids: [44, 105] }],
    ["1000", { uid: 1000, gid: 1000, home: "/home/ann", additionalGids: [44, 105] }],
    ["ann:video", { uid: 1000, gid: 44, additionalGids: [] }],
    ["ann:9", { uid: 1000, gid: 9, additionalGids: [] }],
    ["4242", { uid: 4242, gid: 0, home: null, additionalGids: [] }],
    ["4242:4243", { uid: 4242, gid: 4243 }],
    [":video", { uid: 0, gid: 44 }],
    ["2147483647", { uid: 2147483647 }],
  ])("%j", (user, expected) => {
    expect(resolveUser(user, PASSWD, GROUP)).toMatchObject(expected);
  });

  it("takes a number as a number, whatever is named like it", () => {
    expect(resolveUser("7", PASSWD, GROUP).uid).toBe(7);
  });

  it.each(["nobody", "ann:nogroup", "2147483648", "4294967296", "-1", "1:-1", "bad", "a:b:c"])("refuses %j", (user) => {
    expect(() => resolveUser(user, PASSWD, GROUP)).toThrow(expect.objectContaining({ code: "image_invalid" }));
  });

  it("is root in an image without users", () => {
    expect(resolveUser("", "", "")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/root" });
  });
});
