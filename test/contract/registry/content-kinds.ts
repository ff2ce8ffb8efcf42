import { type Descriptor, descriptor, OCI, randomBlob, sha256, sha512 } from "./harness.ts";

type Hash = (bytes: Buffer) => string;

export interface StoredManifest {
  digest: string;
  bytes: Buffer;
  mediaType: string;
  /** As a list of referrers must show it; null without a subject. */
  referrer: { subject: string; artifactType: string | undefined; annotations: Record<string, string> | undefined } | null;
}

/** Content of one kind, to be pushed in this order: blobs, manifests, tags. */
export interface Content {
  blobs: Map<string, Buffer>;
  manifests: StoredManifest[];
  tags: Map<string, string>;
}

interface Shape {
  /** Layers; default two. */
  layers?: Descriptor[];
  config?: Descriptor;
  more?: Record<string, unknown>;
}

/** Puts content together. */
class Maker {
  readonly content: Content = { blobs: new Map(), manifests: [], tags: new Map() };
  readonly #hash: Hash;
  readonly #inline: boolean;

  constructor({ hash = sha256, inline = false }: { hash?: Hash; inline?: boolean } = {}) {
    this.#hash = hash;
    this.#inline = inline;
  }

  blob(mediaType: string, bytes: Buffer = randomBlob(700)): Descriptor {
    const digest = this.#hash(bytes);
    this.content.blobs.set(digest, bytes);
    const inlined = this.#inline ? { data: bytes.toString("base64") } : {};
    return { ...descriptor(mediaType, bytes), digest, ...inlined };
  }

  image({ layers = [this.blob(OCI.layer), this.blob(OCI.layer)], config = this.blob(OCI.config), more = {} }: Shape = {}): Descriptor {
    return this.#manifest({ schemaVersion: 2, mediaType: OCI.manifest, config, layers, ...more }, OCI.manifest);
  }

  index(manifests: readonly Descriptor[], more: Record<string, unknown> = {}): Descriptor {
    return this.#manifest({ schemaVersion: 2, mediaType: OCI.index, manifests, ...more }, OCI.index);
  }

  platforms(shape: Shape = {}): Descriptor[] {
    return ["amd64", "arm64"].map((architecture) => ({ ...this.image(shape), platform: { os: "linux", architecture } }));
  }

  artifact(more: Record<string, unknown> = {}): Descriptor {
    const config = this.blob(OCI.empty, Buffer.from("{}"));
    return this.image({ config, layers: [this.blob(EXAMPLE)], more: { artifactType: EXAMPLE, ...more } });
  }

  tag(name: string, { digest }: Descriptor): this {
    this.content.tags.set(name, digest);
    return this;
  }

  #manifest(document: Record<string, unknown>, mediaType: string): Descriptor {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = this.#hash(bytes);
    const subject = document["subject"] as Descriptor | undefined;
    const config = document["config"] as Descriptor | undefined;
    const artifactType = (document["artifactType"] as string | undefined) ?? config?.mediaType;
    const annotations = document["annotations"] as Record<string, string> | undefined;
    const referrer = subject === undefined ? null : { subject: subject.digest, artifactType, annotations };
    this.content.manifests.push({ digest, bytes, mediaType, referrer });
    return { ...descriptor(mediaType, bytes), digest };
  }
}

const EXAMPLE = "application/vnd.example.thing.v1";
const OTHER = "application/vnd.example.thing.v2";
const note = () => ({ annotations: { "org.example.note": "about it", [`org.example.${randomBlob(8).toString("hex")}`]: "unique" } });

/** Every kind of content that a registry has to keep (distribution spec, "Definitions"; image spec 1.1). */
export const KINDS: Record<string, () => Content> = {
  "an image": () => {
    const maker = new Maker();
    return maker.tag("image", maker.image()).content;
  },
  "an image of uncompressed layers": () => {
    const maker = new Maker();
    const layers = [maker.blob("application/vnd.oci.image.layer.v1.tar")];
    return maker.tag("plain", maker.image({ layers })).content;
  },
  "a manifest of almost 4 MiB": () => {
    const maker = new Maker();
    const annotations = Object.fromEntries(Array.from({ length: 390 }, (_, n) => [`large-${n}`, "A".repeat(10_000)]));
    return maker.tag("large", maker.image({ more: { annotations } })).content;
  },
  "an index": () => {
    const maker = new Maker();
    return maker.tag("index", maker.index(maker.platforms())).content;
  },
  "an index of indexes": () => {
    const maker = new Maker();
    const inner = [maker.index(maker.platforms()), maker.index(maker.platforms())];
    return maker.tag("nested", maker.index(inner)).content;
  },
  "an empty index": () => {
    const maker = new Maker();
    return maker.tag("empty", maker.index([])).content;
  },
  "an artifact": () => {
    const maker = new Maker();
    return maker.tag("artifact", maker.artifact()).content;
  },
  "an artifact whose layer is the empty document": () => {
    const maker = new Maker();
    const empty = maker.blob(OCI.empty, Buffer.from("{}"));
    return maker.tag("bare", maker.image({ config: empty, layers: [empty], more: { artifactType: EXAMPLE } })).content;
  },
  "an index of artifacts": () => {
    const maker = new Maker();
    const inner = [maker.artifact(), maker.artifact()];
    return maker.tag("artifacts", maker.index(inner, { artifactType: EXAMPLE })).content;
  },
  "an image and what is about it": () => {
    const maker = new Maker();
    const subject = maker.image();
    maker.tag("image", subject).image({ more: { subject } });
    const config = maker.blob(OCI.empty, Buffer.from("{}"));
    const other = maker.image({ config, layers: [maker.blob("a/b")], more: { artifactType: OTHER, subject, ...note() } });
    return maker.tag("first", maker.artifact({ subject, ...note() })).tag("second", other).content;
  },
  "an index and an index about it": () => {
    const maker = new Maker();
    const subject = maker.index(maker.platforms());
    const about = maker.index([maker.artifact({ subject })], { artifactType: EXAMPLE, subject, ...note() });
    return maker.tag("index", subject).tag("about", about).content;
  },
  "an artifact about what is not there": () => {
    const maker = new Maker();
    const subject = descriptor(OCI.manifest, randomBlob());
    return maker.tag("orphan", maker.artifact({ subject, ...note() })).content;
  },
  "descriptors with their data in them": () => {
    const maker = new Maker({ inline: true });
    return maker.tag("inline", maker.image()).content;
  },
  "layers that stay elsewhere": () => {
    const maker = new Maker();
    const away = (mediaType: string) => {
      const bytes = randomBlob();
      return { ...descriptor(mediaType, bytes), urls: [`https://store.example/${sha256(bytes)}`] };
    };
    const layers = [away(OCI.foreign), away("application/vnd.oci.image.layer.nondistributable.v1.tar"), maker.blob(OCI.layer)];
    return maker.tag("away", maker.image({ layers })).content;
  },
  "members that no spec knows": () => {
    const maker = new Maker();
    const more = { "org.example.more": { deep: ["x"] } };
    return maker.tag("custom", maker.index(maker.platforms({ more }), more)).content;
  },
  "an image without layers": () => {
    const maker = new Maker();
    return maker.tag("bare", maker.image({ layers: [] })).content;
  },
  "content that sha512 names": () => {
    const maker = new Maker({ hash: sha512 });
    maker.index(maker.platforms());
    return maker.content;
  },
  "an empty blob": () => {
    const maker = new Maker();
    return maker.tag("nothing", maker.image({ layers: [maker.blob("a/b", Buffer.alloc(0))] })).content;
  },
};
