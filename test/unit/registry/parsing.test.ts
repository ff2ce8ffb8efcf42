import fc from "fast-check";
import { expect, test } from "vitest";
import { allowedActions, matchesPattern, parseScope } from "../../../src/node/registry/auth/grants.ts";
import { parseUsers } from "../../../src/node/registry/auth/users.ts";
import { cutPage } from "../../../src/node/registry/http/parse-page.ts";
import { parseContentRange, parseRange } from "../../../src/node/registry/http/parse-range.ts";
import { parseTarget } from "../../../src/node/registry/http/parse-route.ts";
import { checkManifest } from "../../../src/node/registry/manifests/check-manifest.ts";
import { isRepository } from "../../../src/node/registry/names.ts";
import { RegistryError } from "../../../src/node/registry/registry-error.ts";
import { linkName, parseLink } from "../../../src/node/registry/registry-paths.ts";
import { runs } from "../../support/property-runs.ts";

/** The value, or the status that a client would be told; anything else thrown fails the test. */
function outcome<T>(work: () => T): T | number {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return error.httpStatus;
  }
}

const piece = fc.constantFrom(
  "v2",
  "blobs",
  "uploads",
  "manifests",
  "tags",
  "list",
  "referrers",
  "_oci",
  "_berth",
  "_catalog",
  "token",
  "a",
  "..",
  ".",
  "",
  "%2e",
  "A",
  "sha256:",
  `sha256:${"0".repeat(64)}`,
  "\u0000",
  "ä",
);

test("any path is a route whose names are strict, or a 4xx", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 8 }).map((parts) => `/v2/${parts.join("/")}`),
      ),
      (path) => {
        const target = outcome(() => parseTarget(path));
        if (typeof target === "number") return target >= 400 && target < 500;
        return !("repository" in target.route) || isRepository(target.route.repository);
      },
    ),
    { numRuns: runs(5_000) },
  );
});

test("any Range lies within the blob, or is a 416", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
        fc.nat().map((n) => `bytes=-${n}`),
      ),
      fc.nat(),
      (header, size) => {
        const range = outcome(() => parseRange(header, size));
        if (range === null || typeof range === "number") return range === null || range === 416;
        return range.start >= 0 && range.start <= range.end && range.end < size;
      },
    ),
    { numRuns: runs(5_000) },
  );
});

test("any Content-Range has its end after its start, or is a 416", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a}-${b}`),
      ),
      (header) => {
        const range = outcome(() => parseContentRange(header));
        return range === 416 || (typeof range === "object" && range !== null && range.end >= range.start);
      },
    ),
    { numRuns: runs(5_000) },
  );
});

test("any document is a manifest or a 400", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.option(fc.string()), (text, type) => {
      const checked = outcome(() => checkManifest(Buffer.from(text), type));
      return checked === 400 || typeof checked === "object";
    }),
    { numRuns: runs(2_000) },
  );
});

test("a link name tells its digest and where the bytes lie", () => {
  const [short, long] = [`sha256:${"1".repeat(64)}`, `sha512:${"2".repeat(128)}`];
  expect(parseLink(linkName(short, short))).toEqual({ digest: short, sha256: short });
  expect(parseLink(linkName(long, short))).toEqual({ digest: long, sha256: short });
  for (const name of [".tmp", "sha256-zz", "latest", `sha512-${"2".repeat(128)}`]) expect(parseLink(name), name).toBeNull();
});

test("pages put together are the whole list, each once", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.integer({ min: 1, max: 5 }), (names, count) => {
      const sorted = [...names].sort();
      const seen: string[] = [];
      for (let last = ""; ; last = seen.at(-1) ?? "") {
        const { items, headers } = cutPage(sorted, { count, last }, "/x");
        seen.push(...items);
        if (headers["link"] === undefined) break;
      }
      expect(seen).toEqual(sorted);
    }),
  );
});

test("a pattern ends at a slash", () => {
  expect(matchesPattern("team/*", "team/app/x")).toBe(true);
  for (const repository of ["team", "team-b/x", "xteam/x"]) expect(matchesPattern("team/*", repository), repository).toBe(false);
});

test("a scope gives no more than the grants", () => {
  const asked = parseScope("repository:team/app:pull,push,delete,fly");
  expect(asked).toEqual({ repository: "team/app", actions: ["pull", "push", "delete"] });
  expect(allowedActions([{ pattern: "team/*", actions: ["pull"] }], asked ?? { repository: "", actions: [] })).toEqual(["pull"]);
  for (const text of ["", "repository:x", "registry:catalog:*", "repository::pull", "repository:A:pull"])
    expect(parseScope(text), text).toBeNull();
});

test("a damaged users file names its line", () => {
  expect(() => parseUsers("# fine\nann:plain:secret a/*=pull")).toThrow(/line 2/);
});
