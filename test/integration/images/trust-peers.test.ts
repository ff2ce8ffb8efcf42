import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createImageStore } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import type { RegistryAccess } from "../../../src/shared/oci/index.ts";
import { COSIGN_KEY } from "../../support/cosign-key.ts";
import { addLayered } from "../../support/layered-image.ts";
import { openTestRegistry, type TestRegistry } from "../../support/registry-server.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { makeKey, openTestGate, signed, testAccess } from "../../support/trust-policy.ts";

const run = promisify(execFile);

// Debian 12 builds skopeo without sigstore. With a folder of Debian 13's:
//   mmdebstrap --variant=extract --include=skopeo,buildah trixie ROOT  (and ln -s usr/{bin,sbin,lib,lib64} into ROOT)
//   BERTH_TEST_TRIXIE_ROOT=ROOT npx vitest run test/integration/images/trust-peers.test.ts
const root = process.env["BERTH_TEST_TRIXIE_ROOT"] ?? "";

describe.runIf(root !== "")("signatures beside skopeo's", () => {
  let registry: TestRegistry;
  let node: TestStore;
  let access: RegistryAccess;
  let reference: string;
  /** On this side, and as skopeo sees it. */
  let folder: string;
  const inside = (...names: string[]) => join("/tmp", basename(folder), ...names);
  const skopeo = (...args: string[]) => run("chroot", [root, "skopeo", "--registries.d", inside("registries.d"), ...args]);
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"];

  beforeEach(async () => {
    [registry, node] = [await openTestRegistry(), await openTestStore()];
    access = testAccess(node.dataDir);
    reference = `127.0.0.1:${registry.port}/team/app:1`;
    await addLayered(registry.store, reference, [[rawEntry({ name: "file", body: "1" })]]);
    await registry.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
    folder = await mkdtemp(join(root, "tmp", "berth-trust-"));
    await mkdir(join(folder, "registries.d"));
    await writeFile(join(folder, "registries.d", "all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await access.close();
    await node.remove();
    await registry.remove();
  });

  async function copyWanting(publicPem: string, target: string) {
    const demand = {
      type: "sigstoreSigned",
      keyData: Buffer.from(publicPem).toString("base64"),
      signedIdentity: { type: "matchRepository" },
    };
    const policy = { default: [{ type: "reject" }], transports: { docker: { "": [demand] } } };
    await writeFile(join(folder, "policy.json"), JSON.stringify(policy));
    return skopeo("--policy", inside("policy.json"), "copy", "--src-tls-verify=false", `docker://${reference}`, `dir:${inside(target)}`);
  }

  async function pullWanting(publicPem: string, target: string) {
    const trust = await openTestGate(node.dataDir, access, { default: { keys: [publicPem] } });
    const store = await createImageStore({ dataDir: node.dataDir, native: node.native, clock: systemClock(), trust });
    const client = await access.clientFor(target, null);
    return store.pull({ reference: target, platform: null, client }, () => undefined, neverAborted()).finally(() => store.close());
  }

  test("skopeo takes what we signed, and nothing that another key signed", async () => {
    const key = makeKey();
    await signed(access, reference, key);
    await expect(copyWanting(makeKey().publicPem, "refused")).rejects.toThrow(/signature/);
    await copyWanting(key.publicPem, "copied");
    expect(await readdir(join(folder, "copied"))).toContain("manifest.json");
  });

  test("what skopeo signs with a key of cosign's making is admitted by its public key only", async () => {
    await writeFile(join(folder, "cosign.key"), COSIGN_KEY.encrypted);
    await writeFile(join(folder, "passphrase"), COSIGN_KEY.passphrase);
    const target = reference.replace(":1", ":2");
    const signing = ["--sign-by-sigstore-private-key", inside("cosign.key"), "--sign-passphrase-file", inside("passphrase")];
    await skopeo("--insecure-policy", "copy", ...plain, ...signing, `docker://${reference}`, `docker://${target}`);
    await expect(pullWanting(makeKey().publicPem, target)).rejects.toMatchObject({ code: "image_untrusted" });
    expect((await pullWanting(COSIGN_KEY.publicPem, target)).references).toEqual([target]);
  });

  test("a second signature of ours stands beside skopeo's, and both count", async () => {
    await writeFile(join(folder, "cosign.key"), COSIGN_KEY.encrypted);
    await writeFile(join(folder, "passphrase"), COSIGN_KEY.passphrase);
    const signing = ["--sign-by-sigstore-private-key", inside("cosign.key"), "--sign-passphrase-file", inside("passphrase")];
    await skopeo("--insecure-policy", "copy", ...plain, ...signing, `docker://${reference}`, `docker://${reference}`);
    const key = makeKey();
    await signed(access, reference, key);
    await copyWanting(key.publicPem, "ours");
    await copyWanting(COSIGN_KEY.publicPem, "theirs");
    await pullWanting(COSIGN_KEY.publicPem, reference);
    await pullWanting(key.publicPem, reference);
  });
});
