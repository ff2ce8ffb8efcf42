import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";
import { readJson, writeJsonDurably } from "./durable-json.ts";

/** Who this node is to its control plane. The credential authorises everything but joining. */
export interface Identity {
  nodeId: string;
  credential: string;
}

/**
 * Null when the node never joined.
 * @throws BerthError conflict when the file is damaged: joining again under a new id is the operator's decision
 */
export async function readIdentity(path: string): Promise<Identity | null> {
  let value: unknown;
  try {
    value = await readJson(path);
  } catch (error) {
    throw new BerthError("conflict", `${path} is damaged; remove it to join as a new node`, { cause: error });
  }
  if (value === null) return null;
  const { nodeId, credential } = value as Partial<Identity>;
  if (typeof nodeId !== "string" || typeof credential !== "string") {
    throw new BerthError("conflict", `${path} holds no node id and credential; remove it to join as a new node`);
  }
  await chmod(path, 0o600);
  return { nodeId, credential };
}

/** Durable, and readable by root alone: it holds the credential. */
export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeJsonDurably(path, { version: 1, ...identity });
}
