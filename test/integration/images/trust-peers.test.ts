import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
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

let registry: TestRegistry;
let node: TestStore;
let access: RegistryAccess;
let reference: string;
beforeEach(async () => {
  [registry, node] = [await openTestRegistry(), await openTestStore()];
  access = testAccess(node.dataDir);
  reference = `127.0.0.1:${registry.port}/team/app:1`;
  await addLayered(registry.store, reference, [[rawEntry({ name: "file", body: "1" })]]);
  await registry.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
});
afterEach(async () => {
  await access.close();
  await node.remove();
  await registry.remove();
});

/** skopeo with a policy that wants signatures of the key, and looks for them where cosign puts them. */
async function skopeoThatWants(publicPem: string) {
  const folder = join(node.dataDir, "skopeo");
  await mkdir(join(folder, "registries.d"), { recursive: true });
  await writeFile(join(folder, "registries.d", "all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  const keyData = Buffer.from(publicPem).toString("base64");
  const demand = { type: "sigstoreSigned", keyData, signedIdentity: { type: "matchRepository" } };
  const policy = { default: [{ type: "reject" }], transports: { docker: { "": [demand] }, "": {} } };
  await writeFile(join(folder, "policy.json"), JSON.stringify({ ...policy, transports: { docker: { "": [demand] } } }));
  const options = ["--policy", join(folder, "policy.json"), "--registries.d", join(folder, "registries.d")];
  return (...args: string[]) => run("skopeo", [...options, ...args]);
}

test("skopeo takes what we signed, and nothing that another key signed", async () => {
  const key = makeKey();
  await signed(access, reference, key);
  const target = join(node.dataDir, "copied");
  const copy = ["copy", "--src-tls-verify=false", `docker://${reference}`, `dir:${target}`];
  const other = await skopeoThatWants(makeKey().publicPem);
  await expect(other(...copy)).rejects.toThrow(/cryptographic signature verification failed/);
  const skopeo = await skopeoThatWants(key.publicPem);
  await skopeo(...copy);
  expect(await readdir(target)).toContain("manifest.json");
});

test("what skopeo signs with a key of cosign's making is admitted by its public key only", async () => {
  const folder = node.dataDir;
  await writeFile(join(folder, "cosign.key"), COSIGN_KEY.encrypted);
  await writeFile(join(folder, "passphrase"), COSIGN_KEY.passphrase);
  await mkdir(join(folder, "registries.d"));
  await writeFile(join(folder, "registries.d", "all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  const target = reference.replace(":1", ":2");
  const signing = ["--sign-by-sigstore-private-key", join(folder, "cosign.key"), "--sign-passphrase-file", join(folder, "passphrase")];
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"];
  const places = ["--insecure-policy", "--registries.d", join(folder, "registries.d")];
  await run("skopeo", [...places, "copy", ...plain, ...signing, `docker://${reference}`, `docker://${target}`]);
  const pull = async (publicPem: string) => {
    const trust = await openTestGate(folder, access, { default: { keys: [publicPem] } });
    const store = await createImageStore({ dataDir: folder, native: node.native, clock: systemClock(), trust });
    const client = await access.clientFor(target, null);
    return store.pull({ reference: target, platform: null, client }, () => undefined, neverAborted()).finally(() => store.close());
  };
  await expect(pull(makeKey().publicPem)).rejects.toMatchObject({ code: "image_untrusted" });
  expect((await pull(COSIGN_KEY.publicPem)).references).toEqual([target]);
});
