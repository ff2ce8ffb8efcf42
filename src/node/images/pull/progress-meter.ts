import type { Clock } from "../../../shared/domain/index.ts";
import type { Descriptor } from "../../../shared/oci/index.ts";
import type { Progress } from "../types.ts";
import type { BlobFetch } from "./fetch-blob-once.ts";

const INTERVAL_MS = 200;

/** Tells how far the layers are, a few times a second each. */
export interface ProgressMeter {
  present(layer: Descriptor): void;
  /** Resolves with the fetch. */
  follow(layer: Descriptor, fetch: BlobFetch): Promise<void>;
}

/** `progress` gets bytes of the compressed layer. */
export function createProgressMeter(progress: Progress, clock: Clock): ProgressMeter {
  return {
    present: (layer) => progress({ step: "exists", detail: shortDigest(layer.digest), current: layer.size, total: layer.size }),
    async follow(layer, fetch) {
      const finished = new AbortController();
      const detail = shortDigest(layer.digest);
      const by = () => {
        const from = fetch.sender();
        return from === null ? {} : { from };
      };
      const tell = (step: string) => progress({ step, detail, current: fetch.received(), total: layer.size, ...by() });
      const telling = (async () => {
        for (tell("download"); !finished.signal.aborted; tell("download"))
          await clock.sleep(INTERVAL_MS, finished.signal).catch(() => undefined);
      })();
      try {
        await fetch.done;
      } finally {
        finished.abort();
        await telling;
      }
      progress({ step: "downloaded", detail, current: layer.size, total: layer.size, ...by() });
    },
  };
}

/** As docker shows layers. */
export function shortDigest(digest: string): string {
  return digest.slice("sha256:".length, "sha256:".length + 12);
}
