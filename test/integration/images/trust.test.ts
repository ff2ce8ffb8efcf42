import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEnsureImage } from "../../../src/node/agent/ensure-image.ts";
import { createImageStore, createImageTools, type Image, type ImageStore, type TrustPolicy } from "../../../src/node/images/index.ts";
import { BerthError, systemClock } from "../../../src/shared/domain/index.ts";
import { digestOf, MEDIA_TYPES, type RegistryAccess, signatureTag } from "../../../src/shared/oci/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { openTestRegistry, type TestRegistry } from "../../support/registry-server.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { makeKey, openTestGate, signed, testAccess } from "../../support/trust-policy.ts";

const key = makeKey();
let registry: TestRegistry;
let node: TestStore;
let access: RegistryAccess;
let stores: ImageStore[];
beforeEach(async () => {
  [registry, node, stores] = [await openTestRegistry(), await openTestStore(), []];
  access = testAccess(node.dataDir);
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await access.close();
  await node.remove();
  await registry.remove();
});

const host = () => `127.0.0.1:${registry.port}`;
const ref = (name: string) => `${host()}/${name}`;
const untrusted = (why: RegExp | string = "") => expect.objectContaining({ code: "image_untrusted", message: expect.stringMatching(why) });

/** An image of one small file with its name in it. */
const addImage = (store: ImageStore, reference: string) => addLayered(store, reference, [[rawEntry({ name: "file", body: reference })]]);

/** Puts an image into the registry, from its own store. */
async function push(name: string, repository = "team/app"): Promise<Image> {
  const reference = ref(`${repository}:${name}`);
  const own = await addImage(registry.store, reference);
  await registry.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  return own;
}

/** A node with a policy: how it gets images for jobs, and pulls. */
async function withPolicy(policy: TrustPolicy | string) {
  const { dataDir, native } = node;
  const trust = await openTestGate(dataDir, access, policy);
  const store = await createImageStore({ dataDir, native, clock: systemClock(), trust });
  stores.push(store);
  const ensure = createEnsureImage({ images: store, registries: access, trust });
  const pull = async (reference: string) =>
    store.pull({ reference, platform: null, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  return { trust, store, pull, start: (reference: string) => ensure(reference, () => undefined, neverAborted()) };
}

const signedPolicy = (more: object = {}): TrustPolicy => ({ repositories: { [`${host()}/team`]: { keys: [key.publicPem], ...more } } });

test("a signed image is pulled and started; an unsigned one is not, and none of its layers are fetched", async () => {
  const good = await push("good");
  await push("bad");
  await signed(access, ref("team/app:good"), key);
  const { start, store } = await withPolicy(signedPolicy());
  expect((await start(ref("team/app:good"))).digest).toBe(good.digest);
  await expect(start(ref("team/app:bad"))).rejects.toEqual(
    untrusted(/team\/app@sha256:.* is not trusted by the rule of .*\/team: it has no signature/),
  );
  expect((await store.list()).map(({ digest }) => digest)).toEqual([good.digest]);
});

test("a rejected repository is refused before anything is asked of its registry, others are as before", async () => {
  await push("1", "other/app");
  const { start } = await withPolicy({ repositories: { [`${host()}/team`]: "reject" } });
  await start(ref("other/app:1"));
  await push("1");
  await expect(start(ref("team/app:1"))).rejects.toEqual(untrusted(/it is rejected/));
});

test("a signature by another key does not count", async () => {
  await push("1");
  await signed(access, ref("team/app:1"), makeKey());
  const { start } = await withPolicy(signedPolicy());
  await expect(start(ref("team/app:1"))).rejects.toEqual(untrusted(/none of the policy's keys made it/));
  // A second one beside it does: they are all looked at.
  await signed(access, ref("team/app:1"), key);
  await start(ref("team/app:1"));
});

test("a signature copied from another repository counts only where the policy says so", async () => {
  await push("1", "lab/app");
  const digest = await signed(access, ref("lab/app:1"), key);
  await copyEverything("lab/app", "team/app", [digest, signatureTag(digest)]);
  const strict = await withPolicy(signedPolicy());
  await expect(strict.start(ref(`team/app@${digest}`))).rejects.toEqual(untrusted(/is for ".*lab\/app", not for .*team\/app/));
  await expect((await withPolicy(signedPolicy({ identity: ref("else/app") }))).start(ref(`team/app@${digest}`))).rejects.toEqual(
    untrusted(),
  );
  expect((await (await withPolicy(signedPolicy({ identity: ref("lab/app") }))).start(ref(`team/app@${digest}`))).digest).toBe(digest);
});

/** Manifests and their blobs from one repository of the registry to another. */
async function copyEverything(from: string, to: string, references: string[]): Promise<void> {
  for (const reference of references) {
    const answer = await fetch(`${registry.url}/v2/${from}/manifests/${reference}`, { headers: { accept: MEDIA_TYPES.manifest } });
    const text = await answer.text();
    const { config, layers } = JSON.parse(text) as { config: { digest: string }; layers: { digest: string }[] };
    for (const { digest } of [config, ...layers])
      await fetch(`${registry.url}/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`, { method: "POST" });
    const put = await fetch(`${registry.url}/v2/${to}/manifests/${reference}`, {
      method: "PUT",
      headers: { "content-type": MEDIA_TYPES.manifest },
      body: text,
    });
    expect(put.status).toBe(201);
  }
}

test("a tag that moves after the check changes nothing: the digest that was signed is what runs", async () => {
  const good = await push("v1");
  await signed(access, ref("team/app:v1"), key);
  const { trust, store } = await withPolicy(signedPolicy());
  const evil = await push("evil");
  // The tag is moved at the moment the policy has answered.
  const admit = trust.admit;
  trust.admit = async (...all) => {
    const admission = await admit(...all);
    await fetch(`${registry.url}/v2/team/app/manifests/v1`, {
      method: "PUT",
      headers: { "content-type": MEDIA_TYPES.manifest },
      body: await (await fetch(`${registry.url}/v2/team/app/manifests/${evil.digest}`)).text(),
    });
    return admission;
  };
  const moving = await createImageStore({ dataDir: node.dataDir, native: node.native, clock: systemClock(), trust });
  stores.push(moving);
  const reference = ref("team/app:v1");
  const pulled = await moving.pull(
    { reference, platform: null, client: await access.clientFor(reference, null) },
    () => undefined,
    neverAborted(),
  );
  expect(pulled.digest).toBe(good.digest);
  expect((await store.get(reference)).digest).toBe(good.digest);
  expect(digestOf(await (await fetch(`${registry.url}/v2/team/app/manifests/v1`)).text())).toBe(evil.digest);
});

test("once admitted, an image starts without its registry; when its key goes out of the policy it does not", async () => {
  const name = ref("team/app:1");
  await push("1");
  await signed(access, name, key);
  const { start, store, trust } = await withPolicy(signedPolicy());
  const image = await start(name);
  const unreachable = {
    clientFor: () => Promise.reject(new BerthError("registry_unavailable", "nobody is there")),
    close: async () => undefined,
  };
  const cutOff = await openTestGate(node.dataDir, unreachable, signedPolicy());
  const again = createEnsureImage({ images: store, registries: unreachable, trust: cutOff });
  const restart = () => again(name, () => undefined, neverAborted());
  expect((await restart()).digest).toBe(image.digest);
  await writeFile(trust.path, JSON.stringify({ repositories: { [ref("team")]: { keys: [makeKey().publicPem] } } }));
  await expect(restart()).rejects.toMatchObject({ code: "registry_unavailable" });
  await expect(start(name)).rejects.toEqual(untrusted(/none of the policy's keys/));
});

test("images that were here before the policy, or were loaded under a name of it, do not start unsigned", async () => {
  const name = ref("team/app:1");
  const image = await addImage(node.store, name);
  const { start } = await withPolicy(signedPolicy());
  await expect(start(name)).rejects.toEqual(untrusted(/no signature/));
  await expect(start(image.digest)).rejects.toEqual(untrusted(/no signature/));
  await node.store.tag(name, "mine:1");
  await start("mine:1");
  await start(image.digest);
});

test("a base that may not run is not rebased onto", async () => {
  const { dataDir, native, snapshots } = node;
  await addImage(node.store, ref("team/base:1"));
  await addImage(node.store, "app:1");
  const { trust, store } = await withPolicy({ repositories: { [ref("team")]: "reject" } });
  const tools = createImageTools({ dataDir, native, clock: systemClock(), store, snapshots, trust });
  const options = { image: "app:1", onto: ref("team/base:1"), oldBase: "app:1", reference: "app:2" };
  await expect(tools.rebase(options, neverAborted())).rejects.toEqual(untrusted(/rejected/));
});

test("a signature of the index covers the image chosen from it, and so does one of the image itself", async () => {
  const image = await push("amd");
  const bytes = await (await fetch(`${registry.url}/v2/team/app/manifests/${image.digest}`)).text();
  const { architecture, os } = image.config;
  const entry = { mediaType: MEDIA_TYPES.manifest, digest: image.digest, size: bytes.length, platform: { architecture, os } };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry] });
  const put = { method: "PUT", headers: { "content-type": MEDIA_TYPES.index }, body: index };
  expect((await fetch(`${registry.url}/v2/team/app/manifests/multi`, put)).status).toBe(201);
  const { start, trust, store } = await withPolicy(signedPolicy());
  await expect(start(ref("team/app:multi"))).rejects.toEqual(untrusted());
  expect(await signed(access, ref("team/app:multi"), key)).toBe(digestOf(index));
  expect((await start(ref("team/app:multi"))).digest).toBe(image.digest);
  // From what is kept here, too: the index is part of it.
  expect(await trust.admitImage(ref("team/app:multi"), await store.get(ref("team/app:multi")), neverAborted())).toMatchObject({
    signed: image.digest,
  });
  // By the other name only the index's signature is known, which is of the same repository.
  await start(ref("team/app:amd"));
});

test("an image that was pulled before the policy is covered by the index that its tag names", async () => {
  const image = await push("amd");
  const bytes = await (await fetch(`${registry.url}/v2/team/app/manifests/${image.digest}`)).text();
  const platform = { architecture: image.config.architecture, os: image.config.os };
  const entry = { mediaType: MEDIA_TYPES.manifest, digest: image.digest, size: bytes.length, platform };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry] });
  await fetch(`${registry.url}/v2/team/app/manifests/multi`, { method: "PUT", headers: { "content-type": MEDIA_TYPES.index }, body });
  const reference = ref("team/app:multi");
  const client = await access.clientFor(reference, null);
  await node.store.pull({ reference, platform: null, client }, () => undefined, neverAborted());
  const { start } = await withPolicy(signedPolicy());
  await expect(start(reference)).rejects.toEqual(untrusted(/no signature/));
  await signed(access, reference, key);
  expect((await start(reference)).digest).toBe(image.digest);
});

test.each([
  ["is missing", async () => undefined],
  ["is no JSON", async (path: string) => writeFile(path, "{")],
  ["names a key that is not there", async (path: string) => writeFile(path, JSON.stringify({ default: { keys: ["/nonexistent.pub"] } }))],
  [
    "holds a key that is none",
    async (path: string) =>
      writeFile(path, JSON.stringify({ default: { keys: ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] } })),
  ],
])("where the policy %s nothing is pulled or started", async (_what, write) => {
  await push("1");
  await addImage(node.store, "tiny:1");
  const { start, pull, trust } = await withPolicy({});
  await rm(trust.path);
  await write(trust.path);
  await expect(start("tiny:1")).rejects.toMatchObject({ code: "trust_policy_invalid" });
  await expect(pull(ref("team/app:1"))).rejects.toMatchObject({ code: "trust_policy_invalid" });
});

test("rules are set and taken away on disk, a bad one changes nothing", async () => {
  const { trust } = await withPolicy({});
  await trust.policy.change("r.example/team", { keys: [key.publicPem] });
  await trust.policy.change(null, "reject");
  expect(await trust.policy.read()).toEqual({ default: "reject", repositories: { "r.example/team": { keys: [key.publicPem] } } });
  await expect(trust.policy.change("team", "allow")).rejects.toMatchObject({ code: "trust_policy_invalid" });
  await expect(trust.policy.change("r.example", { keys: [join(node.dataDir, "none.pub")] })).rejects.toMatchObject({
    code: "trust_policy_invalid",
  });
  await trust.policy.change(null, null);
  await trust.policy.change("r.example/team", null);
  expect(await trust.policy.read()).toEqual({ repositories: {} });
});

test("prune forgets the signatures of images that are gone", async () => {
  await push("1");
  await signed(access, ref("team/app:1"), key);
  const { pull, store } = await withPolicy(signedPolicy());
  const image = await pull(ref("team/app:1"));
  const kept = join(node.dataDir, "trust", `${image.digest.slice(7)}.json`);
  await stat(kept);
  await store.prune(new Set());
  await stat(kept);
  await store.remove(ref("team/app:1"));
  await store.prune(new Set());
  await expect(stat(kept)).rejects.toThrow();
});
