import { expect, it } from "vitest";
import { chooseOwnersVariant } from "../../../src/node/images/owners/choose-variant.ts";
import { toContainerOwners, toHostOwners } from "../../../src/node/images/owners/shift-owners.ts";

const host = { kernel: "5.10.0", fileSystem: "nfs" };
const refusal = "EINVAL: invalid argument, mount_setattr '/x'";
const reason = `Linux 5.10.0 on nfs does not map the owners of layers: ${refusal}`;

it.each([
  ["auto", null, { kind: "idmapped" }],
  ["idmapped", null, { kind: "idmapped" }],
  ["chowned", null, { kind: "chowned", reason: "as configured" }],
  ["chowned", refusal, { kind: "chowned", reason: "as configured" }],
  ["auto", refusal, { kind: "chowned", reason }],
  ["idmapped", refusal, { kind: "refused", reason }],
] as const)("%s where the kernel says %s", (wanted, failure, expected) => {
  expect(chooseOwnersVariant({ ...host, wanted, failure })).toEqual(expected);
});

const MAPPING = { uid: 300_000, gid: 400_000, count: 65_536 };

it("owners go to the host and back, with those in ACLs and file capabilities", () => {
  const acl = Buffer.from("020000000200060009000000080004000800000001000600ffffffff", "hex");
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  const entry = {
    uid: 7,
    gid: 65_535,
    xattrs: { "system.posix_acl_access": acl, "security.capability": capability, "user.x": Buffer.from("x") },
  };
  const there = toHostOwners(entry, MAPPING);
  expect(there).toMatchObject({ uid: 300_007, gid: 465_535, xattrs: { "user.x": Buffer.from("x") } });
  expect(there.xattrs["system.posix_acl_access"]?.readUInt32LE(8)).toBe(300_009);
  expect(there.xattrs["system.posix_acl_access"]?.readUInt32LE(16)).toBe(400_008);
  expect(there.xattrs["security.capability"]?.toString("hex")).toBe("0100000300200000000000000000000000000000e0930400");
  expect(toContainerOwners(there, MAPPING)).toEqual(entry);
});

it("what has no id on the other side is nobody's", () => {
  expect(toHostOwners({ uid: 65_536, gid: 0, xattrs: {} }, MAPPING)).toMatchObject({ uid: 65_534, gid: 400_000 });
  expect(toContainerOwners({ uid: 0, gid: 465_536, xattrs: {} }, MAPPING)).toMatchObject({ uid: 65_534, gid: 65_534 });
});
