import { describe, expect, it } from "vitest";
import { entryPath } from "../../../src/node/images/unpack/entry-path.ts";
import { meaningOf, opaqueName, whiteoutName } from "../../../src/node/images/unpack/whiteout.ts";
import { isImageXattr } from "../../../src/node/images/unpack/xattr-policy.ts";

describe("a name in a layer", () => {
  it.each([
    ["./usr//bin/sh", "usr/bin/sh"],
    ["/etc/passwd", "etc/passwd"],
    ["./", ""],
    ["a/./b/", "a/b"],
  ])("%j is %j below the layer's root", (raw, path) => {
    expect(entryPath(raw)).toBe(path);
  });

  it.each(["../x", "a/../../x", "a/..", "..", "a\0b", "x".repeat(256), "d/".repeat(2100)])("is refused: %j", (raw) => {
    expect(() => entryPath(raw)).toThrow(expect.objectContaining({ code: "layer_invalid" }));
  });

  it.each([
    ["a/b", { kind: "entry" }],
    ["a/.wh.b", { kind: "whiteout", path: "a/b" }],
    [".wh.b", { kind: "whiteout", path: "b" }],
    ["a/.wh..wh..opq", { kind: "opaque", path: "a" }],
    [".wh..wh..opq", { kind: "opaque", path: "" }],
    [".wh..wh.plnk", { kind: "ignored" }],
    ["a.wh.b", { kind: "entry" }],
  ])("%s means %o", (path, meaning) => {
    expect(meaningOf(path)).toEqual(meaning);
  });

  it.each([".wh.", ".wh..", ".wh...", "a/.wh..", ".wh.x/y", "a/.wh..wh..opq/b"])("%s is a trick", (path) => {
    expect(() => meaningOf(path)).toThrow(expect.objectContaining({ code: "layer_invalid" }));
  });

  it("is written as it is read", () => {
    expect(meaningOf(whiteoutName("a/b"))).toEqual({ kind: "whiteout", path: "a/b" });
    expect(meaningOf(opaqueName("a"))).toEqual({ kind: "opaque", path: "a" });
  });
});

it("only attributes that mean nothing to overlayfs or the host's policy come from a layer", () => {
  const names = [
    "user.mime",
    "security.capability",
    "system.posix_acl_access",
    "user.overlay.redirect",
    "trusted.overlay.opaque",
    "trusted.x",
    "security.selinux",
  ];
  expect(names.filter(isImageXattr)).toEqual(["user.mime", "security.capability", "system.posix_acl_access"]);
});
