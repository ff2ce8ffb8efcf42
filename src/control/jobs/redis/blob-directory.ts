import type { Redis } from "ioredis";
import { type BlobDirectory, type BlobPeer, FETCH_LEASE_MS, HOLD_MS, MOST_HOLDERS } from "../blob-directory.ts";
import { KEYS } from "./keys.ts";
import { runScript, script } from "./redis-call.ts";
import { blobClaimLua } from "./scripts/blob-claim.lua.ts";
import { blobHoldLua } from "./scripts/blob-hold.lua.ts";

const CLAIM = script(blobClaimLua);
const HOLD = script(blobHoldLua);
/** Keys of one script call; more would keep Redis from everybody else. */
const AT_ONCE = 200;

/** Entries end by themselves (HOLD_MS, FETCH_LEASE_MS): a node that dies needs no cleaning up. */
export function createRedisBlobDirectory(redis: Redis): BlobDirectory {
  const tell = (peer: BlobPeer, digests: readonly string[], end: number) =>
    runScript(
      redis,
      HOLD,
      digests.flatMap((digest) => [KEYS.blobHolders(digest), KEYS.blobFetcher(digest)]),
      [peer.nodeId, memberOf(peer), end, HOLD_MS],
    );
  return {
    async claim(digest, peer, exhausted, now) {
      const [origin, fetcher, ...holders] = (await runScript(
        redis,
        CLAIM,
        [KEYS.blobHolders(digest), KEYS.blobFetcher(digest)],
        [peer.nodeId, memberOf(peer), now, FETCH_LEASE_MS, MOST_HOLDERS, exhausted ? "1" : "0"],
      )) as [number, string, ...string[]];
      return { origin: origin === 1, fetcher: fetcher === "" ? null : peerOf(fetcher), holders: holders.map(peerOf) };
    },
    async hold(peer, digests, now) {
      for (let at = 0; at < digests.length; at += AT_ONCE) await tell(peer, digests.slice(at, at + AT_ONCE), now + HOLD_MS);
    },
    drop: async (peer, digest) => {
      await tell(peer, [digest], 0);
    },
  };
}

/** A node's name and its address hold no space. */
function memberOf({ nodeId, address }: BlobPeer): string {
  return `${nodeId} ${address}`;
}

function peerOf(member: string): BlobPeer {
  const [nodeId = "", address = ""] = member.split(" ");
  return { nodeId, address };
}
