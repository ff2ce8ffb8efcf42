import { describe, expect, it } from "vitest";
import { resolveIdMapping } from "../../../src/node/platform/ids/resolve-id-mapping.ts";

const FILES = {
  passwd: "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
  group: "root:x:0:\nml:x:2000:\n",
  subuid: "# ranges\nberth:100000:65536\n1000:200000:1000\nalice:300000:70000\nbroken:x:y\nzero:0:65536\nhuge:4294900000:65536\n",
  subgid: "berth:500000:65536\nml:600000:65536\nalice:700000:65536\n",
};

describe("--userns-remap", () => {
  it.each(
    [
      ["default", { uid: 100_000, gid: 500_000, count: 65_536 }],
      ["berth", { uid: 100_000, gid: 500_000, count: 65_536 }],
      // The first range of alice, given to her number, is too small.
      ["alice", { uid: 300_000, gid: 700_000, count: 65_536 }],
      ["1000", { uid: 300_000, gid: 700_000, count: 65_536 }],
      ["alice:ml", { uid: 300_000, gid: 600_000, count: 65_536 }],
      ["1000:2000", { uid: 300_000, gid: 600_000, count: 65_536 }],
    ].map(([option, mapping]) => [option as string, mapping] as const),
  )("%s", (option, mapping) => {
    const files = option === "1000" ? { ...FILES, subgid: FILES.subgid.replace("alice", "1000") } : FILES;
    expect(resolveIdMapping(option, files)).toEqual(mapping);
  });

  it.each(["", ":", "a:b:c", ":ml", "alice:"])("%j is refused", (option) => {
    expect(() => resolveIdMapping(option, FILES)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  it.each(["nobody", "broken", "zero", "huge", "alice:root"])("%s has no range: the message says where one is missing", (option) => {
    expect(() => resolveIdMapping(option, FILES)).toThrow(/\/etc\/sub[ug]id has no range of at least 65536 ids for/);
  });
});
