import { describe, expect, it } from "vitest";
import { EMPTY_RECORDS, type ImageRecords, parseRecords, withImage } from "../../../src/node/images/records/image-records.ts";
import { resolveReference } from "../../../src/node/images/records/resolve-reference.ts";

const digest = (start: string) => `sha256:${start.padEnd(64, "0")}`;
const named = (records: ImageRecords, start: string, name: string) => withImage(records, digest(start), `docker.io/library/${name}`);

describe("the image list", () => {
  const records = named(named(EMPTY_RECORDS, "abcdef1", "app:1"), "abcdef2", "app:2");

  it("moves a name to the image that was given it last", () => {
    const moved = named(records, "abcdef2", "app:1");
    expect(moved.images[digest("abcdef1")]?.references).toEqual([]);
    expect(moved.images[digest("abcdef2")]?.references).toEqual(["docker.io/library/app:1", "docker.io/library/app:2"]);
  });

  it.each([
    ["app:1", "abcdef1"],
    ["docker.io/library/app:2", "abcdef2"],
    [digest("abcdef1"), "abcdef1"],
    ["abcdef1", "abcdef1"],
    ["sha256:abcdef2", "abcdef2"],
    [`app@${digest("abcdef2")}`, "abcdef2"],
  ])("finds an image by %s", (text, start) => {
    expect(resolveReference(records, text)).toBe(digest(start));
  });

  it("prefers a name to the start of a digest", () => {
    const both = named(records, "9", "abcdef1:latest");
    expect(resolveReference(both, "abcdef1")).toBe(digest("9"));
  });

  it.each([
    ["abcdef", "invalid_reference"],
    ["app:3", "image_not_found"],
    ["abc", "image_not_found"],
    [digest("f"), "image_not_found"],
    ["A b", "invalid_reference"],
  ])("answers %s with %s", (text, code) => {
    expect(() => resolveReference(records, text)).toThrow(expect.objectContaining({ code }));
  });

  it("of another version is refused rather than overwritten", () => {
    expect(() => parseRecords('{"version":2,"images":{}}', "images.json")).toThrow(expect.objectContaining({ code: "internal" }));
  });
});
