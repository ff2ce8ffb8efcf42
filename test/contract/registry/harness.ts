import { type Dispatcher, Pool } from "undici";
import { randomBlob, sha256, sha512 } from "../../support/registry-server.ts";

export const OCI = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  empty: "application/vnd.oci.empty.v1+json",
  foreign: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
} as const;

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  json(): { errors: { code: string }[] } & Record<string, unknown>;
}

export interface SendOptions {
  headers?: Record<string, string>;
  body?: Buffer | string | AsyncIterable<Buffer>;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  [more: string]: unknown;
}

/** A registry, and a repository name that no other case uses. Paths go out exactly as written. */
export class Bench {
  readonly repository: string;
  readonly other: string;
  readonly #pool: Pool;

  constructor(pool: Pool, serial: number) {
    this.#pool = pool;
    this.repository = `cases/r${serial}`;
    this.other = `cases/other${serial}`;
  }

  async send(method: string, path: string, { headers = {}, body }: SendOptions = {}): Promise<Answer> {
    const options = { method: method as Dispatcher.HttpMethod, path, headers, ...(body === undefined ? {} : { body: body as Buffer }) };
    const answer = await this.#pool.request(options);
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body: bytes, json: () => JSON.parse(bytes.toString("utf8")) };
  }

  /** Starts an upload and returns the path to send to. */
  async upload(repository = this.repository): Promise<string> {
    const answer = await this.send("POST", `/v2/${repository}/blobs/uploads/`, { headers: { "content-length": "0" } });
    if (answer.status !== 202) throw new Error(`upload start: ${answer.status} ${answer.body}`);
    return pathOf(answer);
  }

  async blob(bytes: Buffer = randomBlob(), repository = this.repository, digest = sha256(bytes)): Promise<string> {
    const location = await this.upload(repository);
    const answer = await this.send("PUT", withQuery(location, { digest }), {
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
    });
    if (answer.status !== 201) throw new Error(`blob push: ${answer.status} ${answer.body}`);
    return digest;
  }

  put(reference: string, document: object | Buffer, type: string | null = OCI.manifest, repository = this.repository): Promise<Answer> {
    const body = Buffer.isBuffer(document) ? document : Buffer.from(JSON.stringify(document));
    return this.send("PUT", `/v2/${repository}/manifests/${reference}`, { headers: type === null ? {} : { "content-type": type }, body });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    // Registries that know several kinds of manifests look for the kinds a client takes.
    return this.send("GET", `/v2/${this.repository}/${path}`, { headers: { accept: `${OCI.manifest}, ${OCI.index}`, ...headers } });
  }

  /** An image manifest whose blobs are pushed. */
  async manifest(
    more: object = {},
    repository = this.repository,
  ): Promise<{ document: Record<string, unknown>; bytes: Buffer; digest: string }> {
    const [config, layer] = [randomBlob(64), randomBlob(300)];
    await this.blob(config, repository);
    await this.blob(layer, repository);
    const document = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      config: descriptor(OCI.config, config),
      layers: [descriptor(OCI.layer, layer)],
      ...more,
    };
    const bytes = Buffer.from(JSON.stringify(document));
    return { document, bytes, digest: sha256(bytes) };
  }

  /** The same, pushed under a tag. */
  async image(tag: string, more: object = {}, repository = this.repository): Promise<{ bytes: Buffer; digest: string }> {
    const { bytes, digest } = await this.manifest(more, repository);
    const answer = await this.put(tag, bytes, OCI.manifest, repository);
    if (answer.status !== 201) throw new Error(`manifest push: ${answer.status} ${answer.body}`);
    return { bytes, digest };
  }
}

export function descriptor(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: sha256(bytes), size: bytes.byteLength };
}

/** Path and query of Location, which may be relative or absolute. */
export function pathOf(answer: Answer): string {
  const url = new URL(String(answer.headers["location"]), "http://registry");
  return `${url.pathname}${url.search}`;
}

export function withQuery(path: string, query: Record<string, string>): string {
  const url = new URL(path, "http://registry");
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return `${url.pathname}${url.search}`;
}

export function openPool(url: string): Pool {
  return new Pool(url, { connections: 16 });
}

export { randomBlob, sha256, sha512 };

export interface Case {
  /** Section of the distribution spec 1.1. */
  section: string;
  title: string;
  run(bench: Bench): Promise<void>;
}

/** Cases of one section, by title. */
export function of(section: string, cases: Record<string, Case["run"]>): Case[] {
  return Object.entries(cases).map(([title, run]) => ({ section, title, run }));
}
