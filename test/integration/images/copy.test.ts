import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Copied,
  choosePlatform,
  copyImage,
  digestOf,
  MEDIA_TYPES,
  parsePlatform,
  type RegistryAccess,
  signatureTag,
} from "../../../src/shared/oci/index.ts";
import { type DockerRegistry, skopeo, startDockerRegistry } from "../../support/docker-registry.ts";
import { addLayered } from "../../support/layered-image.ts";
import { openTestRegistry, sha512, type TestRegistry } from "../../support/registry-server.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted } from "../../support/test-store.ts";
import { makeKey, signed, testAccess } from "../../support/trust-policy.ts";

let registry: TestRegistry;
let access: RegistryAccess;
beforeEach(async () => {
  registry = await openTestRegistry();
  access = testAccess(registry.dataDir);
});
afterEach(async () => {
  await access.close();
  await registry.remove();
});

const host = () => `127.0.0.1:${registry.port}`;
const OCTETS = { "content-type": "application/octet-stream" };

async function blob(repository: string, bytes: Buffer, digest = digestOf(bytes)): Promise<{ digest: string; size: number }> {
  const url = `${registry.url}/v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await fetch(url, { method: "POST", headers: OCTETS, body: new Uint8Array(bytes) })).status).toBe(201);
  return { digest, size: bytes.byteLength };
}

async function put(repository: string, reference: string, document: { mediaType: string }): Promise<{ digest: string; size: number }> {
  const body = JSON.stringify(document);
  const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": document.mediaType },
    body,
  });
  expect([answer.status, await answer.text()]).toEqual([201, ""]);
  return { digest: reference.startsWith("sha512:") ? reference : digestOf(body), size: body.length };
}

/** Two platforms behind one tag, a signature of the index, and an SBOM of the first image. */
async function makeIndex(repository: string): Promise<{ index: string; images: string[]; sbom: string }> {
  const shared = { mediaType: MEDIA_TYPES.layer, ...(await blob(repository, Buffer.from("base"))) };
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const config = { mediaType: MEDIA_TYPES.config, ...(await blob(repository, Buffer.from(`{"architecture":"${architecture}"}`))) };
    const layers = [shared, { mediaType: MEDIA_TYPES.layer, ...(await blob(repository, Buffer.from(architecture))) }];
    const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers };
    const stored = await put(repository, digestOf(JSON.stringify(document)), document);
    manifests.push({ mediaType: MEDIA_TYPES.manifest, ...stored, platform: { os: "linux", architecture } });
  }
  const index = await put(repository, "v1", { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests } as { mediaType: string });
  const [subject] = manifests;
  const empty = { mediaType: "application/vnd.oci.empty.v1+json", ...(await blob(repository, Buffer.from("{}"))) };
  const layers = [{ mediaType: "application/spdx+json", ...(await blob(repository, Buffer.from('{"spdx":1}'))) }];
  const sbom = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, artifactType: "application/spdx+json", config: empty, layers, subject };
  const stored = await put(repository, digestOf(JSON.stringify(sbom)), sbom);
  await signed(access, `${host()}/${repository}:v1`, makeKey());
  return { index: index.digest, images: manifests.map(({ digest }) => digest), sbom: stored.digest };
}

interface Options {
  platform?: string;
  referrers?: boolean;
  from?: string;
  to?: string | null;
}

async function copy(source: string, target: string, { platform, referrers = true, from = "v1", to = "v1" }: Options = {}): Promise<Copied> {
  const side = async (name: string) => ({ client: await access.clientFor(name, null), repository: name.slice(name.indexOf("/") + 1) });
  const wanted = platform === undefined ? null : parsePlatform(platform);
  const choose = wanted === null ? null : (index: Parameters<typeof choosePlatform>[0]) => choosePlatform(index, wanted);
  const sides = { source: await side(source), target: await side(target) };
  return copyImage({ ...sides, from, to, choose, referrers }, () => undefined, neverAborted());
}

const manifest = (repository: string, reference: string) =>
  fetch(`${registry.url}/v2/${repository}/manifests/${reference}`, {
    headers: { accept: `${MEDIA_TYPES.index}, ${MEDIA_TYPES.manifest}` },
  });
const referrers = async (repository: string, digest: string) =>
  (
    (await (await fetch(`${registry.url}/v2/${repository}/referrers/${digest}`)).json()) as { manifests: { digest: string }[] }
  ).manifests.map((entry) => entry.digest);

test("an index goes over with all its images, its signature and their SBOMs; within one registry nothing is sent", async () => {
  const { index, images, sbom } = await makeIndex("a/app");
  const copied = await copy(`${host()}/a/app`, `${host()}/b/app`);
  expect(copied).toMatchObject({ digest: index, manifests: 5, referrers: 2, bytes: 0, blobs: { uploaded: 0, exists: 0 } });
  expect(digestOf(await (await manifest("b/app", "v1")).text())).toBe(index);
  for (const digest of images) expect((await manifest("b/app", digest)).status).toBe(200);
  expect(await referrers("b/app", images[0] as string)).toEqual([sbom]);
  expect((await manifest("b/app", signatureTag(index))).status).toBe(200);
  const again = await copy(`${host()}/a/app`, `${host()}/b/app`);
  expect(again.blobs).toMatchObject({ uploaded: 0, mounted: 0 });
});

test("one platform goes alone, and referrers stay behind where that is wished", async () => {
  const { images } = await makeIndex("a/app");
  const one = await copy(`${host()}/a/app`, `${host()}/b/app`, { platform: "linux/arm64" });
  expect(one).toMatchObject({ digest: images[1], manifests: 1, referrers: 0 });
  expect((await manifest("b/app", images[0] as string)).status).toBe(404);
  await copy(`${host()}/a/app`, `${host()}/c/app`, { referrers: false });
  expect(await referrers("c/app", images[0] as string)).toEqual([]);
});

test("content that sha512 names is copied and checked by it", async () => {
  const layer = Buffer.from("layer");
  const config = { mediaType: MEDIA_TYPES.config, ...(await blob("a/long", Buffer.from("{}"), sha512("{}"))) };
  const layers = [{ mediaType: MEDIA_TYPES.layer, ...(await blob("a/long", layer, sha512(layer))) }];
  const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers };
  const digest = sha512(JSON.stringify(document));
  await put("a/long", digest, document);
  expect(await copy(`${host()}/a/long`, `${host()}/b/long`, { from: digest, to: null })).toMatchObject({ digest });
  expect((await manifest("b/long", digest)).status).toBe(200);
});

// docker-registry 2.8 has no referrers API: the list is at a tag.
test("between registries the bytes are those that skopeo sees, and referrers are kept where the target has no API for them", async () => {
  const other: DockerRegistry = await startDockerRegistry();
  try {
    const { index, images, sbom } = await makeIndex("a/app");
    const copied = await copy(`${host()}/a/app`, `${other.host}/b/app`);
    expect(copied).toMatchObject({ digest: index, blobs: { mounted: 0 } });
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${other.host}/b/app:v1`);
    expect(digestOf(raw)).toBe(index);
    // And back, from the tag to the API.
    await copy(`${other.host}/b/app`, `${host()}/c/app`);
    expect(await referrers("c/app", images[0] as string)).toEqual([sbom]);
    await skopeo(
      "copy",
      "--all",
      "--preserve-digests",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${other.host}/b/app:v1`,
      `docker://${host()}/d/app:v1`,
    );
    expect(digestOf(await (await manifest("d/app", "v1")).text())).toBe(index);
  } finally {
    await other.stop();
  }
});

/** In front of the registry; `spoil` sees each piece of a blob that goes out. */
async function startProxy(spoil: (chunk: Buffer, sent: number) => Buffer | null): Promise<{ host: string; server: Server }> {
  const server = createServer((incoming, outgoing) => {
    const { method, url = "", headers } = incoming;
    const onward = httpRequest({ host: "127.0.0.1", port: registry.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      let sent = 0;
      answer.on("data", (chunk: Buffer) => {
        const out = /\/blobs\//.test(url) && method === "GET" ? spoil(chunk, sent) : chunk;
        sent += chunk.byteLength;
        if (out === null) return outgoing.destroy();
        outgoing.write(out);
      });
      answer.on("end", () => outgoing.end());
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

test("a source that breaks off is read on from there, and one that sends other bytes is found out", async () => {
  const reference = `${host()}/a/big:v1`;
  await addLayered(registry.store, reference, [[rawEntry({ name: "file", body: "x".repeat(3000) + Math.random() })]]);
  await registry.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  let broken = 0;
  const breaking = await startProxy((chunk, sent) => (sent === 0 && broken++ < 2 ? null : chunk));
  const lying = await startProxy((chunk) => Buffer.from(chunk).fill(0));
  try {
    expect((await copy(`${breaking.host}/a/big`, `${host()}/b/big`)).blobs.uploaded).toBe(2);
    expect(broken).toBeGreaterThan(2);
    await expect(copy(`${lying.host}/a/big`, `${host()}/c/big`)).rejects.toMatchObject({
      code: expect.stringMatching(/digest_mismatch|registry_error/),
    });
    expect((await manifest("c/big", "v1")).status).toBe(404);
  } finally {
    for (const { server } of [breaking, lying]) {
      server.closeAllConnections();
      server.close();
    }
  }
});
