import type { Redis } from "ioredis";
import { BerthError, type NodeControls, type NodeRecord, type NodeState } from "../../../shared/domain/index.ts";
import { matchesDigest, randomSecret, sha256Hex } from "../credentials.ts";
import { NO_CONTROLS } from "../node-controls.ts";
import { nameTaken, notJoined, outdatedSync } from "../node-refusals.ts";
import type { NodeReport, NodeStore } from "../node-store.ts";
import { KEYS } from "./keys.ts";
import { redisCall, runScript, script } from "./redis-call.ts";
import { nodeControlLua } from "./scripts/node-control.lua.ts";
import { nodeJoinLua } from "./scripts/node-join.lua.ts";
import { nodeStateLua } from "./scripts/node-state.lua.ts";
import { nodeSyncLua } from "./scripts/node-sync.lua.ts";

const JOIN = script(nodeJoinLua);
const SYNC = script(nodeSyncLua);
const STATE = script(nodeStateLua);
const CONTROL = script(nodeControlLua);
const CONTROL_ATTEMPTS = 16;
const BOOTS_REMEMBERED = 8;

/** One hash a node; credentials as digests. `list` hands out the same facts object as long as a node tells the same. */
export function createRedisNodeStore(redis: Redis): NodeStore {
  const [facts, controls] = [rememberingParse(), rememberingParse()];
  return {
    join: async (name, now) => {
      const credential = randomSecret("berth-node-");
      const code = await runScript(redis, JOIN, [KEYS.node(name)], [sha256Hex(credential), now]);
      if (code !== 1) throw nameTaken(name);
      return { nodeId: name, credential };
    },
    authenticate: async (nodeId, credential) => {
      const digest = await redisCall(() => redis.hget(KEYS.node(nodeId), "credential"));
      return digest !== null && matchesDigest(credential, digest);
    },
    recordSync: (report, now) => recordSync(redis, report, now),
    get: async (nodeId) => decode(nodeId, await redisCall(() => redis.hgetall(KEYS.node(nodeId)))),
    lastSentAt: async (nodeId) => {
      const sentAt = await redisCall(() => redis.hget(KEYS.node(nodeId), "sentAt"));
      return sentAt === null ? null : Number(sentAt);
    },
    list: async () => {
      const names = (await redisCall(() => redis.smembers(KEYS.nodes))).sort();
      const hashes = await redisCall(() => Promise.all(names.map((name) => redis.hgetall(KEYS.node(name)))));
      return hashes.flatMap((hash, index) => {
        const name = names[index] ?? "";
        return decode(name, hash, { facts: facts(name), controls: controls(name) }) ?? [];
      });
    },
    remove: async (nodeId) => {
      const removed = await redisCall(() => redis.multi().del(KEYS.node(nodeId)).srem(KEYS.nodes, nodeId).exec());
      if (removed?.[0]?.[1] !== 1) throw notJoined(nodeId);
    },
    control: (nodeId, change) => control(redis, nodeId, change),
    setState: async (seen, state) =>
      (await runScript(redis, STATE, [KEYS.node(seen.id)], [seen.lastSeenAt, seen.state, seen.incarnation, state])) === 1,
  };
}

async function recordSync(redis: Redis, report: NodeReport, now: number): Promise<NodeRecord> {
  const { nodeId, incarnation, bootId, sentAt, address, facts } = report;
  const reply = (await runScript(
    redis,
    SYNC,
    [KEYS.node(nodeId), KEYS.nodes],
    [nodeId, incarnation, bootId, sentAt, address, JSON.stringify(facts), now, BOOTS_REMEMBERED],
  )) as [number, NodeState, string, string?];
  if (reply[0] === -1) throw notJoined(nodeId);
  if (reply[0] === -2) throw outdatedSync(nodeId);
  return {
    ...{ id: nodeId, name: nodeId, address, facts, incarnation, bootId },
    ...{ joinedAt: Number(reply[2]), lastSeenAt: now, state: reply[1], ...decodeControls(reply[3]) },
  };
}

async function control(redis: Redis, nodeId: string, change: (controls: NodeControls) => NodeControls): Promise<NodeRecord> {
  for (let attempt = 1; attempt <= CONTROL_ATTEMPTS; attempt += 1) {
    const hash = await redisCall(() => redis.hgetall(KEYS.node(nodeId)));
    const record = decode(nodeId, hash);
    if (record === null) throw notJoined(nodeId);
    const controls = change(record.controls ?? NO_CONTROLS);
    const written = await runScript(redis, CONTROL, [KEYS.node(nodeId)], [hash["controls"] ?? "", JSON.stringify(controls)]);
    if (written === 1) return { ...record, controls };
  }
  throw new BerthError("conflict", `the controls of ${nodeId} changed ${CONTROL_ATTEMPTS} times in between`);
}

function decodeControls(json: string | undefined, parse: Parse = JSON.parse): Pick<NodeRecord, "controls"> {
  return json ? { controls: parse(json) as NodeControls } : {};
}

type Parse = (json: string) => unknown;

/** For each key, the text it was last: most nodes tell what they told before, and who compares by identity sees that. */
function rememberingParse(): (key: string) => Parse {
  const known = new Map<string, { json: string; value: unknown }>();
  return (key) => (json) => {
    const before = known.get(key);
    if (before?.json === json) return before.value;
    const value: unknown = JSON.parse(json);
    known.set(key, { json, value });
    return value;
  };
}

/** Null for a node that joined but has not synced yet: nothing is known of it. */
function decode(
  id: string,
  hash: Record<string, string>,
  parse: { facts: Parse; controls: Parse } = { facts: JSON.parse, controls: JSON.parse },
): NodeRecord | null {
  const { facts, state, address = "", incarnation = "", bootId = "", joinedAt, lastSeenAt } = hash;
  if (facts === undefined || state === undefined) return null;
  return {
    id,
    name: id,
    address,
    facts: parse.facts(facts) as NodeRecord["facts"],
    incarnation,
    bootId,
    joinedAt: Number(joinedAt),
    lastSeenAt: Number(lastSeenAt),
    state: state as NodeState,
    ...decodeControls(hash["controls"], parse.controls),
  };
}
