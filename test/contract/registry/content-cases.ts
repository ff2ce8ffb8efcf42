import { expect } from "vitest";
import { type Bench, type Case, descriptor, OCI, of, randomBlob, sha256 } from "./harness.ts";

const TAGS = ["Upper", "a", "b.1", "c_2", "latest", "v10", "v9"];

async function tagged(b: Bench): Promise<void> {
  const { bytes } = await b.manifest();
  for (const tag of [...TAGS].reverse()) await b.put(tag, bytes);
}

const tags = of("Listing Tags", {
  "all tags come sorted as ASCII": async (b) => {
    await tagged(b);
    expect((await b.get("tags/list")).json()).toEqual({ name: b.repository, tags: TAGS });
  },
  "n gives the first": async (b) => {
    await tagged(b);
    expect((await b.get("tags/list?n=3")).json()["tags"]).toEqual(TAGS.slice(0, 3));
  },
  "n and last give the next": async (b) => {
    await tagged(b);
    expect((await b.get("tags/list?n=3&last=b.1")).json()["tags"]).toEqual(TAGS.slice(3, 6));
  },
  "last that is no tag starts after where it would be": async (b) => {
    await tagged(b);
    expect((await b.get("tags/list?last=b")).json()["tags"]).toEqual(TAGS.slice(2));
  },
  "n=0 gives none": async (b) => {
    await tagged(b);
    expect((await b.get("tags/list?n=0")).json()["tags"]).toEqual([]);
  },
  "Link leads through all pages": async (b) => {
    await tagged(b);
    const seen: unknown[] = [];
    for (let path: string | undefined = `/v2/${b.repository}/tags/list?n=2`; path !== undefined; ) {
      const page = await b.send("GET", path);
      seen.push(...(page.json()["tags"] as string[]));
      path = /^<([^>]+)>; *rel="?next"?$/.exec(String(page.headers["link"] ?? ""))?.[1];
    }
    expect(seen).toEqual(TAGS);
  },
  "the last page has no Link": async (b) => {
    await tagged(b);
    expect((await b.get(`tags/list?n=${TAGS.length}`)).headers["link"]).toBeUndefined();
  },
  "an n that is no number is 400": async (b) => {
    await tagged(b);
    for (const n of ["-1", "x", "1e9", "99999999999"]) expect((await b.get(`tags/list?n=${n}`)).status, n).toBe(400);
  },
  "an unknown repository is 404 NAME_UNKNOWN": async (b) => {
    const got = await b.get("tags/list");
    expect([got.status, got.json().errors[0]?.code]).toEqual([404, "NAME_UNKNOWN"]);
  },
});

const attach = async (
  b: Bench,
  subject: { bytes: Buffer; digest: string },
  artifactType: string,
  annotations: object = { about: artifactType },
) => {
  const empty = Buffer.from("{}");
  await b.blob(empty);
  const document = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType,
    config: descriptor(OCI.empty, empty),
    layers: [descriptor(OCI.empty, empty)],
    subject: descriptor(OCI.manifest, subject.bytes),
    annotations,
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, digest: sha256(bytes), answer: await b.put(sha256(bytes), bytes) };
};
const manifestsOf = (answer: { json(): Record<string, unknown> }) => answer.json()["manifests"] as Record<string, unknown>[];

const referrers = of("Listing Referrers", {
  "a push with a subject is told OCI-Subject": async (b) => {
    const image = await b.image("one");
    expect((await attach(b, image, "a/b")).answer.headers["oci-subject"]).toBe(image.digest);
  },
  "the referrers of a manifest are listed as an index": async (b) => {
    const image = await b.image("one");
    const { digest, bytes } = await attach(b, image, "application/vnd.example.sbom");
    const got = await b.get(`referrers/${image.digest}`);
    expect([got.status, got.headers["content-type"], got.json()["schemaVersion"], got.json()["mediaType"]]).toEqual([
      200,
      OCI.index,
      2,
      OCI.index,
    ]);
    expect(manifestsOf(got)).toEqual([
      {
        mediaType: OCI.manifest,
        digest,
        size: bytes.byteLength,
        artifactType: "application/vnd.example.sbom",
        annotations: { about: "application/vnd.example.sbom" },
      },
    ]);
  },
  "without artifactType the config's type stands in": async (b) => {
    const image = await b.image("one");
    const { bytes } = await b.manifest({ subject: descriptor(OCI.manifest, image.bytes) });
    await b.put("about", bytes);
    expect(manifestsOf(await b.get(`referrers/${image.digest}`))[0]?.["artifactType"]).toBe(OCI.config);
  },
  "artifactType filters, and the answer says so": async (b) => {
    const image = await b.image("one");
    await attach(b, image, "a/sbom");
    const signature = await attach(b, image, "a/signature");
    const got = await b.get(`referrers/${image.digest}?artifactType=a/signature`);
    expect([manifestsOf(got).map(({ digest }) => digest), got.headers["oci-filters-applied"]]).toEqual([
      [signature.digest],
      "artifactType",
    ]);
  },
  "a digest without referrers has an empty list": async (b) => {
    const { digest } = await b.image("one");
    const got = await b.get(`referrers/${digest}`);
    expect([got.status, manifestsOf(got)]).toEqual([200, []]);
  },
  "an unknown digest has an empty list": async (b) => {
    await b.image("one");
    expect(manifestsOf(await b.get(`referrers/${sha256("none")}`))).toEqual([]);
  },
  "a malformed digest is 400": async (b) => expect((await b.get("referrers/sha256:zz")).status).toBe(400),
  "a subject may be missing, and is listed when asked for": async (b) => {
    const absent = Buffer.from('{"absent":1}');
    const { digest, answer } = await attach(b, { bytes: absent, digest: sha256(absent) }, "a/b");
    expect([answer.status, answer.headers["oci-subject"]]).toEqual([201, sha256(absent)]);
    expect(manifestsOf(await b.get(`referrers/${sha256(absent)}`)).map((one) => one["digest"])).toEqual([digest]);
  },
  "an index may have a subject": async (b) => {
    const image = await b.image("one");
    const index = {
      schemaVersion: 2,
      mediaType: OCI.index,
      manifests: [],
      subject: descriptor(OCI.manifest, image.bytes),
      artifactType: "a/index",
    };
    expect((await b.put("index", index, OCI.index)).headers["oci-subject"]).toBe(image.digest);
    expect(manifestsOf(await b.get(`referrers/${image.digest}`))[0]?.["artifactType"]).toBe("a/index");
  },
  "a deleted referrer is no longer listed": async (b) => {
    const image = await b.image("one");
    const { digest } = await attach(b, image, "a/b");
    await b.send("DELETE", `/v2/${b.repository}/manifests/${digest}`);
    expect(manifestsOf(await b.get(`referrers/${image.digest}`))).toEqual([]);
  },
  "referrers stay when their subject goes": async (b) => {
    const image = await b.image("one");
    await attach(b, image, "a/b");
    await b.send("DELETE", `/v2/${b.repository}/manifests/${image.digest}`);
    expect(manifestsOf(await b.get(`referrers/${image.digest}`))).toHaveLength(1);
  },
  "referrers of another repository are not listed": async (b) => {
    const image = await b.image("one");
    await attach(b, image, "a/b");
    expect(manifestsOf(await b.send("GET", `/v2/${b.other}/referrers/${image.digest}`))).toEqual([]);
  },
});

const remove = (b: Bench, path: string) => b.send("DELETE", `/v2/${b.repository}/${path}`);

const deletion = [
  ...of("Deleting tags", {
    "DELETE by tag takes the tag and leaves the manifest": async (b) => {
      const { digest } = await b.image("one");
      expect((await remove(b, "manifests/one")).status).toBe(202);
      expect([(await b.get("manifests/one")).status, (await b.get(`manifests/${digest}`)).status]).toEqual([404, 200]);
    },
    "other tags of the manifest stay": async (b) => {
      const { bytes } = await b.image("one");
      await b.put("two", bytes);
      await remove(b, "manifests/one");
      expect((await b.get("tags/list")).json()["tags"]).toEqual(["two"]);
    },
    "an unknown tag is 404": async (b) => {
      await b.image("one");
      expect((await remove(b, "manifests/two")).status).toBe(404);
    },
  }),
  ...of("Deleting Manifests", {
    "DELETE by digest takes the manifest and its tags": async (b) => {
      const { digest } = await b.image("one");
      expect((await remove(b, `manifests/${digest}`)).status).toBe(202);
      expect([(await b.get("manifests/one")).status, (await b.get(`manifests/${digest}`)).status]).toEqual([404, 404]);
    },
    "deleting twice is 404": async (b) => {
      const { digest } = await b.image("one");
      await remove(b, `manifests/${digest}`);
      expect((await remove(b, `manifests/${digest}`)).status).toBe(404);
    },
    "an unknown digest is 404": async (b) => {
      await b.image("one");
      expect((await remove(b, `manifests/${sha256("none")}`)).status).toBe(404);
    },
    "a malformed digest is 400": async (b) => expect((await remove(b, "manifests/sha256:zz")).status).toBe(400),
    "a deleted manifest may be pushed again": async (b) => {
      const { bytes, digest } = await b.image("one");
      await remove(b, `manifests/${digest}`);
      expect((await b.put("again", bytes)).status).toBe(201);
    },
  }),
  ...of("Deleting Blobs", {
    "DELETE takes the blob": async (b) => {
      const digest = await b.blob();
      expect([(await remove(b, `blobs/${digest}`)).status, (await b.get(`blobs/${digest}`)).status]).toEqual([202, 404]);
    },
    "an unknown blob is 404": async (b) => expect((await remove(b, `blobs/${sha256("none")}`)).status).toBe(404),
    "the blob of another repository stays": async (b) => {
      const bytes = randomBlob();
      await b.blob(bytes, b.other);
      const digest = await b.blob(bytes);
      await remove(b, `blobs/${digest}`);
      expect((await b.send("GET", `/v2/${b.other}/blobs/${digest}`)).status).toBe(200);
    },
  }),
];

const errors = of("Error Codes", {
  "an error is JSON with code and message": async (b) => {
    const got = await b.get(`blobs/${sha256("none")}`);
    expect(String(got.headers["content-type"])).toContain("application/json");
    expect(got.json().errors[0]).toMatchObject({ code: "BLOB_UNKNOWN", message: expect.any(String) });
  },
  "a method that is not possible is 405 or 404": async (b) => {
    for (const [method, path] of [
      ["POST", "manifests/one"],
      ["PUT", `blobs/${sha256("x")}`],
      ["PATCH", "tags/list"],
      ["PUT", "tags/list"],
    ] as const)
      expect([404, 405], `${method} ${path}`).toContain((await b.send(method, `/v2/${b.repository}/${path}`)).status);
  },
});

const names = of("Pulling manifests", {
  "names of the spec's grammar are taken": async (b) => {
    for (const name of ["a", "a/b/c", "a.b", "a_b", "a__b", "a--b", "0/1", "x".repeat(255)]) {
      const answer = await b.send("POST", `/v2/${name}/blobs/uploads/`);
      expect(answer.status, name).toBe(202);
    }
  },
  "other names are 4xx": async (b) => {
    const bad = [
      "A",
      "a/B",
      "-a",
      "a-",
      "a..b",
      "a___b",
      "a//b",
      ".a",
      "a/.",
      "a/..",
      "_a",
      "x".repeat(256),
      "a b",
      "é",
      "a\\b",
      "a:b",
      "a/-/b",
    ];
    for (const name of bad) {
      const path = `/v2/${name.replace(" ", "+").replace("é", "\u00e9")}/blobs/uploads/`;
      const answer = await b.send("POST", encodeURI(path).replaceAll("%5C", "\\"));
      expect(answer.status, name).toBeGreaterThanOrEqual(400);
      expect(answer.status, name).toBeLessThan(500);
    }
  },
});

export const CONTENT_CASES: Case[] = [...tags, ...referrers, ...deletion, ...errors, ...names];
