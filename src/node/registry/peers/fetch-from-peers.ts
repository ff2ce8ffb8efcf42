import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Agent, type Dispatcher, request } from "undici";
import { type Clock, errorText } from "../../../shared/domain/index.ts";
import type { PeerCredential } from "./peer-credential.ts";

export interface PeerFetchOptions {
  /** Base URLs ("http://10.0.0.7:5000"), the best first; asked anew for each blob. */
  peers(): Promise<readonly string[]>;
  credential: Pick<PeerCredential, "header">;
  clock: Clock;
  /** For clusters with TLS: an undici Agent that has the node's certificate. */
  dispatcher?: Dispatcher;
  /** A peer that sends less than this in any `paceMs` is left. Bytes. */
  minimumBytes?: number;
  paceMs?: number;
  onFailure?(peer: string, why: string): void;
}

export interface PeerFetcher {
  /**
   * Writes the blob to `path` when a peer has it: true, and the file's bytes are exactly `digest`. False when no peer
   * could give it (the file is then worthless): ask the origin.
   */
  fetch(digest: string, sizeBytes: number, path: string, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

const CONNECT_MS = 2_000;
const HEADERS_MS = 5_000;
const SHUN_MS = 60_000;

/** A lying or slow peer costs a retry with the next one, and is not asked again for a minute. */
export function createPeerFetcher(options: PeerFetchOptions): PeerFetcher {
  const { clock } = options;
  const own = options.dispatcher === undefined ? new Agent({ connect: { timeout: CONNECT_MS }, headersTimeout: HEADERS_MS }) : null;
  const dispatcher = options.dispatcher ?? (own as Agent);
  const shunnedUntil = new Map<string, number>();
  return {
    async fetch(digest, sizeBytes, path, signal) {
      for (const peer of await options.peers()) {
        signal.throwIfAborted();
        if ((shunnedUntil.get(peer) ?? 0) > clock.monotonic()) continue;
        try {
          if (await fetchFrom({ ...options, dispatcher }, peer, { digest, sizeBytes, path }, signal)) return true;
        } catch (error) {
          signal.throwIfAborted();
          shunnedUntil.set(peer, clock.monotonic() + SHUN_MS);
          options.onFailure?.(peer, errorText(error));
        }
      }
      return false;
    },
    close: async () => own?.destroy(),
  };
}

interface Wanted {
  digest: string;
  sizeBytes: number;
  path: string;
}

/** False when the peer does not have it. Throws for everything a peer should not do. */
async function fetchFrom(
  options: PeerFetchOptions & { dispatcher: Dispatcher },
  peer: string,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<boolean> {
  const ended = new AbortController();
  const abort = AbortSignal.any([signal, ended.signal]);
  try {
    const { statusCode, body } = await request(`${peer}/v2/_berth/blobs/${wanted.digest}`, {
      dispatcher: options.dispatcher,
      // A redirect is not followed: a peer could send this node anywhere.
      headers: { authorization: options.credential.header() },
      signal: abort,
    });
    body.on("error", () => undefined);
    if (statusCode === 404) return false;
    if (statusCode !== 200) throw new Error(`it answered ${statusCode}`);
    const pace = watchPace(options, ended);
    try {
      await receive(body, wanted, pace.count);
    } finally {
      pace.stop();
    }
    return true;
  } finally {
    ended.abort(new Error("the transfer is over"));
  }
}

async function receive(body: AsyncIterable<Buffer>, { digest, sizeBytes, path }: Wanted, count: (bytes: number) => void): Promise<void> {
  const hash = createHash("sha256");
  const handle = await open(path, "w", 0o600);
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > sizeBytes) throw new Error(`it sent more than ${sizeBytes} bytes`);
      count(chunk.byteLength);
      hash.update(chunk);
      await writeAll(handle, chunk);
    }
    const actual = `sha256:${hash.digest("hex")}`;
    if (actual !== digest) throw new Error(`it sent ${size} bytes of ${actual}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function watchPace({ clock, minimumBytes = 64 * 1024, paceMs = 5_000 }: PeerFetchOptions, ended: AbortController) {
  let [inWindow, running] = [0, true];
  const stopped = new AbortController();
  const watch = async () => {
    while (running) {
      await clock.sleep(paceMs, stopped.signal);
      if (running && inWindow < minimumBytes) ended.abort(new Error(`it sent ${inWindow} bytes in ${paceMs} ms`));
      inWindow = 0;
    }
  };
  void watch().catch(() => undefined);
  return {
    count: (bytes: number) => {
      inWindow += bytes;
    },
    stop: () => {
      running = false;
      stopped.abort();
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) done += (await handle.write(bytes, done, bytes.byteLength - done)).bytesWritten;
}
