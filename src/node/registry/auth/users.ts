import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { BerthError } from "../../../shared/domain/index.ts";
import { readTextIfThere } from "../../platform/index.ts";
import { RegistryError } from "../registry-error.ts";
import { type Action, ALL_ACTIONS, type Grant } from "./grants.ts";

export interface User {
  name: string;
  salt: Buffer;
  hash: Buffer;
  grants: Grant[];
}

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);
/** 32 MiB and some 80 ms a try. */
const COST = { N: 1 << 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const HASH_BYTES = 32;
/** Guesses wait in line; more than these are turned away, so that nobody can have the server derive keys for others' hours. */
const MAX_WAITING = 16;

/** "NAME:scrypt:SALT:HASH PATTERN=ACTIONS ..." for the users file. */
export async function userLine(name: string, password: string, grants: readonly string[]): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, HASH_BYTES, COST);
  return `${[name, "scrypt", salt.toString("base64"), hash.toString("base64")].join(":")} ${grants.join(" ")}`;
}

/** @throws BerthError invalid_request with the line's number */
export function parseUsers(text: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [identity = "", ...grants] = line.trim().split(/\s+/);
    const [, name, salt, hash] = /^([\w.-]{1,64}):scrypt:([A-Za-z0-9+/=]{24}):([A-Za-z0-9+/=]{44})$/.exec(identity) ?? [];
    if (name === undefined || salt === undefined || hash === undefined) throw malformed(index, "it is not NAME:scrypt:SALT:HASH");
    users.set(name, {
      name,
      salt: Buffer.from(salt, "base64"),
      hash: Buffer.from(hash, "base64"),
      grants: grants.map((grant) => parseGrant(grant, index)),
    });
  }
  return users;
}

function parseGrant(text: string, index: number): Grant {
  const [, pattern, list = ""] = /^(\*|[a-z0-9._/-]+(?:\/\*)?)=([a-z,]+)$/.exec(text) ?? [];
  const actions = list.split(",") as Action[];
  if (pattern === undefined || !actions.every((action) => ALL_ACTIONS.includes(action)))
    throw malformed(index, `${JSON.stringify(text)} is not PATTERN=pull,push,delete`);
  return { pattern, actions };
}

function malformed(index: number, why: string): BerthError {
  return new BerthError("invalid_request", `users, line ${index + 1}: ${why}`);
}

export type PasswordCheck = (name: string, password: string) => Promise<User | null>;

/** Checks against the users file, which is read at each try: a user removed there is out at once. */
export function createPasswordCheck(path: string): PasswordCheck {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const check = async (name: string, password: string): Promise<User | null> => {
    const user = (await readUsers(path)).get(name);
    // Also for a name that is not there, so that the time tells nothing.
    const hash = await derive(password, user?.salt ?? Buffer.alloc(16), HASH_BYTES, COST);
    return user !== undefined && timingSafeEqual(hash, user.hash) ? user : null;
  };
  return async (name, password) => {
    if (waiting >= MAX_WAITING) throw new RegistryError("TOOMANYREQUESTS", "too many logins at once", { headers: { "retry-after": "2" } });
    waiting += 1;
    const result = last.then(() => check(name, password)).finally(() => (waiting -= 1));
    last = result.catch(() => undefined);
    return result;
  };
}

async function readUsers(path: string): Promise<Map<string, User>> {
  const text = (await readTextIfThere(path)) ?? "";
  return parseUsers(text);
}
