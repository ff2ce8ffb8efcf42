import { describe, expect, test } from "vitest";
import { mountsBelow, parseMountInfo } from "../../../src/node/platform/index.ts";

const TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
30 27 0:40 /sub /data/with\\040blank\\134and\\011tab rw,nosuid - overlay over\\040lay rw,lowerdir=/a:/b,upperdir=/u
31 27 0:41 / /data rw - tmpfs tmpfs rw
32 31 0:42 / /data/x rw - tmpfs tmpfs rw
33 27 0:43 / /data-other rw - tmpfs tmpfs rw
not a line
`;

describe("mountinfo", () => {
  test("reads ids, places, propagation and options", () => {
    expect(parseMountInfo(TEXT)[1]).toEqual({
      id: 27,
      parentId: 1,
      root: "/",
      mountPoint: "/",
      options: ["rw", "relatime"],
      propagation: ["shared:1", "master:2"],
      fsType: "ext4",
      source: "/dev/vda",
      superOptions: ["rw", "discard"],
    });
  });

  test("undoes the kernel's octal escapes", () => {
    const mount = parseMountInfo(TEXT)[2];
    expect(mount?.mountPoint).toBe("/data/with blank\\and\ttab");
    expect(mount?.source).toBe("over lay");
    expect(mount?.superOptions).toContain("lowerdir=/a:/b");
  });

  test("leaves out what does not read as a mount", () => {
    expect(parseMountInfo(TEXT)).toHaveLength(6);
    expect(parseMountInfo("")).toEqual([]);
  });

  test("lists what lies at a folder and below, deepest first, not its neighbours", () => {
    const below = mountsBelow(parseMountInfo(TEXT), "/data").map(({ mountPoint }) => mountPoint);
    expect(below).toEqual(["/data/x", "/data", "/data/with blank\\and\ttab"]);
  });
});
