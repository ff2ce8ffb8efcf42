import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import {
  type Credential,
  createRegistryClient,
  createTransport,
  type RegistryClient,
  type Transport,
} from "../../../src/shared/oci/index.ts";
import { type DockerRegistry, skopeo, startDockerRegistry } from "../../support/docker-registry.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

const LOGIN = { username: "ada", password: "correct horse: battery" };

let open: DockerRegistry;
let closed: DockerRegistry;
let transport: Transport;
let test1: TestStore;

beforeAll(async () => {
  [open, closed] = await Promise.all([startDockerRegistry(), startDockerRegistry({ login: LOGIN })]);
});
afterAll(async () => {
  await Promise.all([open.stop(), closed.stop()]);
});
beforeEach(async () => {
  transport = createTransport({ env: {}, certificateFolders: [] });
  test1 = await openTestStore();
});
afterEach(async () => {
  await transport.close();
  await test1.remove();
});

function clientOf(registry: string, credential: Credential | null = null): RegistryClient {
  return createRegistryClient({ registry, config: {}, transport, clock: systemClock(), credentialFor: async () => credential });
}

function pull(reference: string, client: RegistryClient, store = test1.store, lines: string[] = []): Promise<Image> {
  return store.pull({ reference, platform: null, client }, ({ step }) => lines.push(step), neverAborted());
}

/** The tiny image in a registry, put there by us. */
async function push(reference: string, client: RegistryClient): Promise<Image> {
  const image = await addTinyImage(test1.store, reference);
  await test1.store.push({ reference, client }, () => undefined, neverAborted());
  return image;
}

test("an image pushed by us is read by skopeo, and one written by skopeo is pulled by us with the same digest", async () => {
  const client = clientOf(open.host);
  const image = await push(`${open.host}/team/tiny:1`, client);
  const seen = JSON.parse(await skopeo("inspect", "--tls-verify=false", `docker://${open.host}/team/tiny:1`)) as { Digest: string };
  expect(seen.Digest).toBe(image.digest);

  const copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--format=v2s2"];
  await skopeo(...copy, `docker://${open.host}/team/tiny:1`, `docker://${open.host}/team/docker:2`);
  const other = await test1.openAgain();
  const pulled = await pull(`${open.host}/team/docker:2`, client, other);
  const dockers = JSON.parse(await skopeo("inspect", "--tls-verify=false", `docker://${open.host}/team/docker:2`)) as { Digest: string };
  expect(pulled.digest).toBe(dockers.Digest);
  expect(pulled.chainIds).toEqual(image.chainIds);
  expect(pulled.references).toEqual([`${open.host}/team/docker:2`]);
});

test("a second pull of an unchanged image fetches nothing", async () => {
  const client = clientOf(open.host);
  await push(`${open.host}/again:1`, client);
  const store = await openTestStore();
  try {
    const first: string[] = [];
    await pull(`${open.host}/again:1`, client, store.store, first);
    expect(first).toContain("pulled");
    const second: string[] = [];
    await pull(`${open.host}/again:1`, client, store.store, second);
    expect(second).toEqual(["resolve", "present"]);
  } finally {
    await store.remove();
  }
});

test("an index gives this machine's image, and its digest names that image here", async () => {
  const client = clientOf(open.host);
  const image = await push(`${open.host}/multi:one`, client);
  const entry = (digest: string, architecture: string) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest,
    size: 1,
    platform: { os: "linux", architecture },
  });
  const own = image.config.architecture;
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...entry(image.digest, own), size: await manifestSize(open.host, "multi", image.digest) }],
    }),
  );
  const put = await fetch(`http://${open.host}/v2/multi/manifests/all`, {
    method: "PUT",
    body: index,
    headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
  });
  expect(put.status).toBe(201);
  const digest = put.headers.get("docker-content-digest");
  const store = await openTestStore();
  try {
    const pulled = await pull(`${open.host}/multi@${digest}`, client, store.store);
    expect(pulled.digest).toBe(image.digest);
    expect((await store.store.get(`${open.host}/multi@${digest}`)).digest).toBe(image.digest);
    const request = { reference: `${open.host}/multi:all`, platform: "linux/s390x", client };
    await expect(store.store.pull(request, () => undefined, neverAborted())).rejects.toThrow(/not made for linux\/s390x, only for linux\//);
  } finally {
    await store.remove();
  }
});

test("an image that is in no index is refused where another platform was asked for, there or not", async () => {
  const client = clientOf(open.host);
  const reference = `${open.host}/single:1`;
  const { config } = await push(reference, client);
  const store = await openTestStore();
  const pullFor = (platform: string) => store.store.pull({ reference, platform, client }, () => undefined, neverAborted());
  const wrong = { code: "image_not_found", message: `the image is not made for linux/s390x, only for linux/${config.architecture}` };
  try {
    await expect(pullFor("linux/s390x")).rejects.toMatchObject(wrong);
    expect(await store.store.list()).toEqual([]);
    await pullFor(`linux/${config.architecture}`);
    await expect(pullFor("linux/s390x")).rejects.toMatchObject(wrong);
  } finally {
    await store.remove();
  }
});

async function manifestSize(host: string, repository: string, digest: string): Promise<number> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${digest}`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  return (await answer.arrayBuffer()).byteLength;
}

test("a registry with a password is pushed to and pulled from with it, and refused without", async () => {
  const client = clientOf(closed.host, { kind: "password", ...LOGIN });
  const image = await push(`${closed.host}/secret:1`, client);
  expect((await pull(`${closed.host}/secret:1`, client)).digest).toBe(image.digest);
  await expect(pull(`${closed.host}/secret:1`, clientOf(closed.host))).rejects.toMatchObject({ code: "registry_denied" });
  const wrong = clientOf(closed.host, { kind: "password", username: "ada", password: "guess" });
  await expect(pull(`${closed.host}/secret:1`, wrong)).rejects.toMatchObject({ code: "registry_denied" });
});

test("a blob that another repository of the registry has is mounted, not sent again", async () => {
  const client = clientOf(open.host);
  const image = await push(`${open.host}/mount/from:1`, client);
  await test1.store.tag(image.digest, `${open.host}/mount/to:1`);
  const lines: string[] = [];
  const progress = ({ step }: { step: string }) => lines.push(step);
  await test1.store.push({ reference: `${open.host}/mount/to:1`, client }, progress, neverAborted());
  expect(lines).toContain("mounted");
});

test("a damaged blob is put aside and fetched again", async () => {
  const client = clientOf(open.host);
  await push(`${open.host}/damaged:1`, client);
  const store = await openTestStore();
  try {
    const image = await pull(`${open.host}/damaged:1`, client, store.store);
    const [layer] = image.layers;
    const blob = join(store.dataDir, "blobs", "sha256", (layer?.digest ?? "").slice(7));
    await writeFile(blob, Buffer.alloc(layer?.size ?? 0));
    await rm(join(store.dataDir, "layers", (image.chainIds[0] ?? "").slice(7)), { recursive: true });
    await expect(store.store.unpack(image, () => undefined, neverAborted())).rejects.toThrow();
    expect(await store.store.quarantine(image, neverAborted())).toEqual([layer?.digest]);
    expect(await readdir(join(store.dataDir, "quarantine"))).toHaveLength(1);
    const again = { reference: `${open.host}/damaged@${image.digest}`, platform: null, client, repair: true };
    const repaired = await store.store.pull(again, () => undefined, neverAborted());
    expect(repaired.references).toEqual(image.references);
    await store.store.unpack(image, () => undefined, neverAborted());
  } finally {
    await store.remove();
  }
});

test("a name that the registry does not have is not found", async () => {
  await expect(pull(`${open.host}/nothing:1`, clientOf(open.host))).rejects.toMatchObject({ code: "image_not_found" });
});
