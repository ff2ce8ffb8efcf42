import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familiarReference, normaliseReference, parseReference } from "../../../src/shared/oci/index.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

describe("an image reference", () => {
  it.each([
    ["debian", "docker.io/library/debian:latest"],
    ["debian:bookworm", "docker.io/library/debian:bookworm"],
    ["user/app", "docker.io/user/app:latest"],
    ["localhost/app", "localhost/app:latest"],
    ["registry.example:5000/team/app:1.0", "registry.example:5000/team/app:1.0"],
    ["[::1]:5000/app", "[::1]:5000/app:latest"],
    ["index.docker.io/debian", "docker.io/library/debian:latest"],
    [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`],
    [`debian@sha512:${"b".repeat(128)}`, `docker.io/library/debian@sha512:${"b".repeat(128)}`],
    [`debian:12@${DIGEST}`, `docker.io/library/debian:12@${DIGEST}`],
    ["a__b/c-d.e/f:_x", "docker.io/a__b/c-d.e/f:_x"],
  ])("%s means %s", (text, full) => {
    expect(normaliseReference(text)).toBe(full);
  });

  it.each([
    "",
    "Debian",
    "debian:",
    "debian:-x",
    "debian@sha256:abc",
    `debian@sha512:${"a".repeat(64)}`,
    `debian@sha256:${"a".repeat(128)}`,
    `debian@sha384:${"a".repeat(96)}`,
    "debian@sha256:../../etc/passwd",
    "../etc/passwd",
    "a//b",
    "a/./b",
    "a b",
    "a:b:c",
    "-a/b",
    "host:notaport/app",
    "host:65536/app",
    `registry.example/${"a/".repeat(200)}b`,
    `x:${"t".repeat(129)}`,
    "a\nb",
    "a___b",
  ])("refuses %j", (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "invalid_reference" }));
  });

  it.each([
    ["docker.io/library/debian:bookworm", "debian:bookworm"],
    ["docker.io/user/app:1", "user/app:1"],
    ["registry.example:5000/app:1", "registry.example:5000/app:1"],
  ])("%s is shown as %s", (full, short) => {
    expect(familiarReference(parseReference(full))).toBe(short);
  });

  it("is the same after its short form is read again", () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?$/);
    const registry = fc.constantFrom("", "localhost/", "r.example:5000/");
    fc.assert(
      fc.property(registry, fc.array(component, { minLength: 1, maxLength: 3 }), component, (host, path, tag) => {
        const reference = parseReference(`${host}${path.join("/")}:${tag}`);
        expect(parseReference(familiarReference(reference))).toEqual(reference);
      }),
    );
  });

  it("is refused in no time however it is made to make a pattern backtrack", () => {
    for (const text of [`${"a-".repeat(150)}!`, `${"a.".repeat(127)}!/x`, `${"a_".repeat(160)}`])
      expect(() => parseReference(text)).toThrow();
  });
});
