import { type BlobDirectory, type BlobPeer, FETCH_LEASE_MS, HOLD_MS, MOST_HOLDERS } from "../blob-directory.ts";

interface Entry {
  holders: Map<string, BlobPeer & { until: number }>;
  fetcher: (BlobPeer & { until: number }) | null;
}

/** Never forgets a digest: for tests and one process, not for a cluster that runs for months. */
export function createMemoryBlobDirectory(): BlobDirectory {
  const entries = new Map<string, Entry>();
  const entryOf = (digest: string): Entry => {
    const entry = entries.get(digest) ?? { holders: new Map(), fetcher: null };
    entries.set(digest, entry);
    return entry;
  };
  const letGo = (entry: Entry, nodeId: string) => {
    if (entry.fetcher?.nodeId === nodeId) entry.fetcher = null;
  };
  return {
    async claim(digest, peer, exhausted, now) {
      const entry = entryOf(digest);
      const live = [...entry.holders.values()].filter(({ nodeId, until }) => until > now && nodeId !== peer.nodeId);
      const holders = live.slice(0, MOST_HOLDERS).map(({ nodeId, address }) => ({ nodeId, address }));
      const other = entry.fetcher !== null && entry.fetcher.until > now && entry.fetcher.nodeId !== peer.nodeId ? entry.fetcher : null;
      const free = entry.fetcher?.nodeId === peer.nodeId || holders.length === 0 || exhausted;
      const origin = other === null && free;
      if (origin) entry.fetcher = { ...peer, until: now + FETCH_LEASE_MS };
      return { origin, holders, fetcher: other === null ? null : { nodeId: other.nodeId, address: other.address } };
    },
    async hold(peer, digests, now) {
      for (const digest of digests) {
        const entry = entryOf(digest);
        letGo(entry, peer.nodeId);
        entry.holders.set(peer.nodeId, { ...peer, until: now + HOLD_MS });
      }
    },
    async drop(peer, digest) {
      const entry = entryOf(digest);
      letGo(entry, peer.nodeId);
      entry.holders.delete(peer.nodeId);
    },
  };
}
