import { describe, expect, it } from "vitest";
import { releaseOf } from "../../../src/node/images/bootstrap/distributions.ts";
import { parseDeb822, parseSourcesList } from "../../../src/node/images/bootstrap/host-sources.ts";
import { makeRecipe } from "../../../src/node/images/bootstrap/recipe.ts";

const DEB822 = `# mirrors
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

describe("the host's package sources", () => {
  it("are read from both formats", () => {
    const [first] = parseDeb822(DEB822);
    expect(first).toEqual({ uri: "http://mirror.example/debian", suite: "bookworm", components: ["main", "contrib"] });
    expect(parseDeb822(DEB822)).toHaveLength(3);
    expect(
      parseSourcesList(
        "deb [arch=amd64 signed-by=/k] http://m.example/ubuntu/ noble main universe # c\n#deb http://no x y\ndeb-src http://no x y",
      ),
    ).toEqual([{ uri: "http://m.example/ubuntu", suite: "noble", components: ["main", "universe"] }]);
  });
});

describe("a bootstrap recipe", () => {
  it("takes the host's mirror for its own family and the family's for another", () => {
    const host = parseDeb822(DEB822);
    expect(makeRecipe(releaseOf("debian:trixie"), [], host, "amd64").sources).toEqual([
      "deb http://mirror.example/debian trixie main",
      "deb http://mirror.example/debian trixie-updates main",
      "deb http://mirror.example/debian-security trixie-security main",
    ]);
    expect(makeRecipe(releaseOf("ubuntu:24.04"), [], host, "amd64").sources[0]).toBe(
      "deb http://archive.ubuntu.com/ubuntu noble main universe",
    );
  });

  it("is the same for the same packages in any order and another for other packages", () => {
    const id = (include: string[]) => makeRecipe(releaseOf("debian:12"), include, [], "amd64").id;
    expect(id(["b", "a", "a"])).toBe(id(["a", "b"]));
    expect(id(["a"])).not.toBe(id(["a", "b"]));
  });

  it.each(["-o=Debug::X=1", "../x.deb", "/x.deb", "a b", "?pattern", "A", "a,b", ""])("refuses %j as a package", (name) => {
    expect(() => makeRecipe(releaseOf("debian:bookworm"), [name], [], "amd64")).toThrow(
      expect.objectContaining({ code: "bootstrap_failed" }),
    );
  });

  it.each(["debian:sid", "alpine", "registry.example/debian:bookworm", "debian"])("refuses %s, naming what can be made", (reference) => {
    expect(() => releaseOf(reference)).toThrow(/debian:bookworm/);
  });
});
