import type { NodeRecord } from "../../../shared/domain/index.ts";
import { matchesDigest, randomSecret, sha256Hex } from "../credentials.ts";
import { NO_CONTROLS } from "../node-controls.ts";
import { nameTaken, notJoined, outdatedSync } from "../node-refusals.ts";
import type { NodeReport, NodeStore, TokenKind, TokenStore } from "../node-store.ts";

interface Member {
  credential: string;
  joinedAt: number;
  sentAt: number | null;
  retiredBoots: string[];
  record: NodeRecord | null;
}

/** Passes the contract suite of the Redis one; `control` needs no retry here, nothing comes in between. */
export function createMemoryNodeStore(): NodeStore {
  const members = new Map<string, Member>();
  const recordOf = (nodeId: string) => members.get(nodeId)?.record ?? null;
  return {
    join: async (name, now) => {
      const known = members.get(name);
      if (known?.record && known.record.state !== "lost") throw nameTaken(name);
      const credential = randomSecret("berth-node-");
      const fresh = { joinedAt: now, sentAt: null, retiredBoots: [], record: null };
      members.set(name, { ...(known ?? fresh), credential: sha256Hex(credential) });
      return { nodeId: name, credential };
    },
    authenticate: async (nodeId, credential) => {
      const digest = members.get(nodeId)?.credential;
      return digest !== undefined && matchesDigest(credential, digest);
    },
    recordSync: async (report, now) => {
      const member = members.get(report.nodeId);
      if (member === undefined) throw notJoined(report.nodeId);
      return recordSync(member, report, now);
    },
    get: async (nodeId) => recordOf(nodeId),
    lastSentAt: async (nodeId) => members.get(nodeId)?.sentAt ?? null,
    list: async () => [...members.keys()].sort().flatMap((name) => recordOf(name) ?? []),
    remove: async (nodeId) => {
      if (!members.delete(nodeId)) throw notJoined(nodeId);
    },
    control: async (nodeId, change) => {
      const member = members.get(nodeId);
      if (!member?.record) throw notJoined(nodeId);
      member.record = { ...member.record, controls: change(member.record.controls ?? NO_CONTROLS) };
      return member.record;
    },
    setState: async (seen, state) => {
      const member = members.get(seen.id);
      const now = member?.record;
      if (!member || !now || now.lastSeenAt !== seen.lastSeenAt || now.state !== seen.state || now.incarnation !== seen.incarnation)
        return false;
      member.record = { ...now, state };
      return true;
    },
  };
}

function recordSync(member: Member, report: NodeReport, now: number): NodeRecord {
  const { nodeId, incarnation, bootId, sentAt, address, facts } = report;
  const before = member.record;
  if (member.retiredBoots.includes(bootId)) throw outdatedSync(nodeId);
  if (before?.bootId === bootId && sentAt <= (member.sentAt ?? -1)) throw outdatedSync(nodeId);
  const rebooted = before !== null && before.bootId !== bootId;
  if (rebooted) member.retiredBoots = [before.bootId, ...member.retiredBoots].slice(0, 8);
  const state = rebooted || before?.state === "lost" ? "lost" : "ready";
  member.sentAt = sentAt;
  member.record = {
    id: nodeId,
    name: nodeId,
    address,
    facts,
    incarnation,
    bootId,
    joinedAt: member.joinedAt,
    lastSeenAt: now,
    state,
    ...(before?.controls === undefined ? {} : { controls: before.controls }),
  };
  return member.record;
}

/** Keeps digests only, as the Redis one. */
export function createMemoryTokenStore(): TokenStore {
  const ends = new Map<string, number>();
  const usedBy = new Map<string, string>();
  const isValid = (kind: TokenKind, token: string, now: number) => now < (ends.get(`${kind}:${sha256Hex(token)}`) ?? 0);
  return {
    create: async (kind, ttlSeconds, now) => {
      const token = randomSecret(`berth-${kind}-`);
      const expiresAt = now + ttlSeconds * 1000;
      ends.set(`${kind}:${sha256Hex(token)}`, expiresAt);
      return { token, expiresAt };
    },
    verify: async (kind, token, now) => isValid(kind, token, now),
    claimJoin: async (token, name, now) => {
      if (!isValid("join", token, now)) return "unknown";
      const user = usedBy.get(sha256Hex(token)) ?? name;
      usedBy.set(sha256Hex(token), user);
      return user === name ? "ok" : "used";
    },
  };
}
