import { expect } from "vitest";
import { type Content, KINDS, type StoredManifest } from "./content-kinds.ts";
import { type Answer, type Bench, type Case, OCI, pathOf, withQuery } from "./harness.ts";

const OCTETS = { "content-type": "application/octet-stream" };
const ACCEPT = { accept: `${OCI.index}, ${OCI.manifest}` };

/** The four ways in which a blob may be pushed. */
const PUSHES: ((b: Bench, digest: string, bytes: Buffer) => Promise<Answer>)[] = [
  async (b, digest, bytes) => b.send("PUT", withQuery(await b.upload(), { digest }), { headers: OCTETS, body: bytes }),
  (b, digest, bytes) => b.send("POST", `/v2/${b.repository}/blobs/uploads/?digest=${digest}`, { headers: OCTETS, body: bytes }),
  async (b, digest, bytes) => {
    const patch = await b.send("PATCH", await b.upload(), { headers: OCTETS, body: bytes });
    return b.send("PUT", withQuery(pathOf(patch), { digest }), { headers: { "content-length": "0" } });
  },
  async (b, digest, bytes) => {
    let path = await b.upload();
    const size = Math.max(1, Math.ceil(bytes.byteLength / 3));
    for (let start = 0; start < bytes.byteLength; start += size) {
      const chunk = bytes.subarray(start, start + size);
      const headers = { ...OCTETS, "content-range": `${start}-${start + chunk.byteLength - 1}` };
      path = pathOf(await b.send("PATCH", path, { headers, body: chunk }));
    }
    return b.send("PUT", withQuery(path, { digest }), { headers: { "content-length": "0" } });
  },
];

/** Content is pushed, listed, looked at, pulled, found as a referrer, and deleted, each step seen at once by the next. */
export const LIFE_CASES: Case[] = Object.entries(KINDS).map(([title, make]) => ({
  section: "Life of content",
  title,
  async run(b) {
    const content = make();
    await push(b, content);
    await lookAndPull(b, content);
    await findReferrers(b, content);
    await remove(b, content);
  },
}));

async function push(b: Bench, { blobs, manifests, tags }: Content): Promise<void> {
  for (const [turn, [digest, bytes]] of [...blobs].entries()) {
    const way = PUSHES[turn % PUSHES.length] as (typeof PUSHES)[number];
    const answer = await way(b, digest, bytes);
    expect([answer.status, answer.headers["docker-content-digest"]]).toEqual([201, digest]);
    expect((await b.send("GET", pathOf(answer))).body.equals(bytes)).toBe(true);
  }
  for (const manifest of manifests) await putManifest(b, manifest.digest, manifest);
  for (const [tag, digest] of tags) await putManifest(b, tag, manifests.find((one) => one.digest === digest) as StoredManifest);
}

async function putManifest(b: Bench, reference: string, { bytes, mediaType, digest, referrer }: StoredManifest): Promise<void> {
  const answer = await b.put(reference, bytes, mediaType);
  expect([answer.status, answer.headers["docker-content-digest"]]).toEqual([201, digest]);
  if (referrer !== null) expect(answer.headers["oci-subject"]).toBe(referrer.subject);
  const stored = await b.send("GET", pathOf(answer), { headers: ACCEPT });
  expect([stored.status, stored.headers["content-type"], stored.body.equals(bytes)]).toEqual([200, mediaType, true]);
}

async function lookAndPull(b: Bench, { blobs, manifests, tags }: Content): Promise<void> {
  const listed = (await b.get("tags/list")).json()["tags"];
  expect(listed).toEqual([...tags.keys()].sort());
  for (const [digest, bytes] of blobs) await sameTwice(b, `blobs/${digest}`, bytes, digest, null);
  for (const { digest, bytes, mediaType } of manifests) await sameTwice(b, `manifests/${digest}`, bytes, digest, mediaType);
  for (const [tag, digest] of tags) {
    const { bytes, mediaType } = manifests.find((one) => one.digest === digest) as StoredManifest;
    await sameTwice(b, `manifests/${tag}`, bytes, digest, mediaType);
  }
}

/** HEAD and GET say the same; HEAD without a body. */
async function sameTwice(b: Bench, path: string, bytes: Buffer, digest: string, mediaType: string | null): Promise<void> {
  for (const method of ["HEAD", "GET"]) {
    const answer = await b.send(method, `/v2/${b.repository}/${path}`, { headers: mediaType === null ? {} : ACCEPT });
    const { "content-length": length, "docker-content-digest": named, "content-type": type } = answer.headers;
    expect([method, answer.status, length, named]).toEqual([method, 200, String(bytes.byteLength), digest]);
    if (mediaType !== null) expect(type).toBe(mediaType);
    expect(answer.body.equals(method === "HEAD" ? Buffer.alloc(0) : bytes)).toBe(true);
  }
}

async function findReferrers(b: Bench, { manifests }: Content): Promise<void> {
  const about = manifests.flatMap(({ digest, mediaType, bytes, referrer }) =>
    referrer === null
      ? []
      : [{ subject: referrer.subject, entry: { ...referrer, subject: undefined, mediaType, digest, size: bytes.byteLength } }],
  );
  for (const subject of new Set(about.map((one) => one.subject))) {
    const wanted = about.filter((one) => one.subject === subject).map(({ entry }) => entry);
    await expectReferrers(await b.get(`referrers/${subject}`), wanted);
    for (const artifactType of new Set(wanted.map((entry) => entry.artifactType ?? ""))) {
      const filtered = await b.get(`referrers/${subject}?artifactType=${encodeURIComponent(artifactType)}`);
      expect(filtered.headers["oci-filters-applied"]).toBe("artifactType");
      await expectReferrers(
        filtered,
        wanted.filter((entry) => entry.artifactType === artifactType),
      );
    }
  }
}

async function expectReferrers(answer: Answer, wanted: readonly { digest: string }[]): Promise<void> {
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, OCI.index]);
  const { mediaType, schemaVersion, manifests } = answer.json() as unknown as {
    mediaType: string;
    schemaVersion: number;
    manifests: { digest: string }[];
  };
  expect([mediaType, schemaVersion, manifests.length]).toEqual([OCI.index, 2, wanted.length]);
  const defined = wanted.map((entry) => JSON.parse(JSON.stringify(entry)) as { digest: string });
  for (const entry of defined) expect(manifests.find(({ digest }) => digest === entry.digest)).toEqual(entry);
}

async function remove(b: Bench, { blobs, manifests, tags }: Content): Promise<void> {
  const paths = [
    ...[...tags.keys()].map((tag) => `manifests/${tag}`),
    ...[...manifests].reverse().map(({ digest }) => `manifests/${digest}`),
    ...[...blobs.keys()].map((digest) => `blobs/${digest}`),
  ];
  for (const path of paths) {
    expect([path, (await b.send("DELETE", `/v2/${b.repository}/${path}`)).status]).toEqual([path, 202]);
    expect([path, (await b.send("HEAD", `/v2/${b.repository}/${path}`, { headers: ACCEPT })).status]).toEqual([path, 404]);
  }
}
