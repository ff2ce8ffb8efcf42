import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalJson,
  chainIdsOf,
  digestHex,
  digestOf,
  digestOfHex,
  MEDIA_TYPES,
  makeManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  verifyDigest,
} from "../../../src/shared/oci/index.ts";

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const descriptor = { mediaType: MEDIA_TYPES.layerGzip, digest: digestOf("x"), size: 1 };
const manifest = makeManifest({ ...descriptor, mediaType: MEDIA_TYPES.config }, [descriptor]);
const refused = (code: string) => expect.objectContaining({ code });

describe("canonical JSON", () => {
  it("has the same bytes whatever the order of the keys", () => {
    expect(canonicalJson({ b: 1, a: { d: [2, { z: 1, y: 2 }], c: undefined } })).toBe('{"a":{"d":[2,{"y":2,"z":1}]},"b":1}');
  });

  it("means what it was made of", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("keeps a key __proto__ as data", () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1}}');
  });
});

describe("a digest", () => {
  it.each([
    ...["sha256:../../x", `sha512:${"a".repeat(64)}`, `sha256:${"a".repeat(128)}`, `sha384:${"a".repeat(96)}`],
    ...[`sha256:${"A".repeat(64)}`, "", "sha256:"],
  ])("refuses %j as a file name", (text) => {
    expect(() => digestHex(text)).toThrow(refused("digest_mismatch"));
  });

  it.each([`sha256:${"a".repeat(64)}`, `sha512:${"a".repeat(128)}`])("%s is told by its file name", (digest) => {
    expect(digestOfHex(digestHex(digest))).toBe(digest);
  });

  it("tells changed bytes", () => {
    expect(() => verifyDigest(Buffer.from("a"), digestOf("b"), "blob")).toThrow(refused("digest_mismatch"));
  });
});

describe("a chain ID", () => {
  it("is the diff ID for the first layer and a hash over the parent's chain ID after it", () => {
    const [first, second] = [digestOf("1"), digestOf("2")];
    const chained = createHash("sha256").update(`${first} ${second}`).digest("hex");
    expect(chainIdsOf([first, second])).toEqual([first, `sha256:${chained}`]);
    expect(chainIdsOf([])).toEqual([]);
  });
});

describe("a manifest", () => {
  it("is read back as it was made", () => {
    expect(parseManifest(Buffer.from(canonicalJson(manifest)))).toEqual(manifest);
  });

  it.each([
    ["an index at the same time (CVE-2021-41190)", { ...manifest, manifests: [] }],
    ["a schema 1 manifest", { ...manifest, schemaVersion: 1 }],
    [
      "a foreign layer",
      { ...manifest, layers: [{ ...descriptor, mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" }] },
    ],
    ["a path as a digest", { ...manifest, layers: [{ ...descriptor, digest: "sha256:../../../etc/passwd" }] }],
    ["a negative size", { ...manifest, layers: [{ ...descriptor, size: -1 }] }],
    ["more layers than overlayfs stacks", { ...manifest, layers: Array.from({ length: 600 }, () => descriptor) }],
    ["a list", []],
    ["null", null],
  ])("is refused when it is %s", (_, value) => {
    expect(() => parseManifest(json(value))).toThrow(refused("image_invalid"));
  });

  it("is refused when it is not JSON or not UTF-8", () => {
    expect(() => parseManifest(Buffer.from("{"))).toThrow(refused("image_invalid"));
    expect(() => parseManifest(Buffer.from([0x22, 0xff, 0x22]))).toThrow(refused("image_invalid"));
  });

  it("is refused as an index when it has layers", () => {
    expect(() => parseIndex(json({ schemaVersion: 2, manifests: [], layers: [] }))).toThrow(refused("image_invalid"));
  });
});

describe("an image config", () => {
  it("may have Docker's nulls, which are left out", () => {
    const raw = {
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: null, Env: ["A=1"], Volumes: { "/v": {} }, Labels: null },
      rootfs: { type: "layers", diff_ids: [] },
      history: null,
      docker_version: "25",
    };
    expect(parseImageConfig(json(raw))).toEqual({
      architecture: "amd64",
      os: "linux",
      config: { Env: ["A=1"], Volumes: { "/v": {} } },
      rootfs: { type: "layers", diff_ids: [] },
    });
  });

  it("is refused without its layers", () => {
    expect(() => parseImageConfig(json({ architecture: "amd64", os: "linux", config: {} }))).toThrow(refused("image_invalid"));
  });
});
