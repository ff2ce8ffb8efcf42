import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, readFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Clock } from "../../../shared/domain/index.ts";
import { createSecretFile } from "../../platform/index.ts";

const ClaimsSchema = Type.Object({
  /** What the token is for: one made for one service is none for another that has the same key. */
  aud: Type.String(),
  sub: Type.String(),
  /** Seconds since 1970. */
  exp: Type.Integer(),
  access: Type.Array(
    Type.Object({
      repository: Type.String(),
      actions: Type.Array(Type.Union([Type.Literal("pull"), Type.Literal("push"), Type.Literal("delete")])),
    }),
  ),
  catalog: Type.Optional(Type.Boolean()),
});

export type Claims = Static<typeof ClaimsSchema>;

export interface TokenSigner {
  sign(claims: Claims): string;
  /** Null unless it is one of ours, for `audience`, and not over. */
  verify(token: string, audience: string): Claims | null;
}

const LONGEST_TOKEN = 8192;

/**
 * Tokens are `b1.<claims>.<HMAC-SHA256>`. There is one algorithm and no header that could name another, or a key of its
 * own ("alg": "none", CVE-2025-24976).
 */
export function createTokenSigner(key: Buffer, clock: Clock): TokenSigner {
  const mac = (body: string) => createHmac("sha256", key).update(body).digest();
  return {
    sign(claims) {
      const body = `b1.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
      return `${body}.${mac(body).toString("base64url")}`;
    },
    verify(token, audience) {
      const [, body, payload, signature] = token.length > LONGEST_TOKEN ? [] : (/^(b1\.([\w-]+))\.([\w-]{43})$/.exec(token) ?? []);
      if (body === undefined || payload === undefined || signature === undefined) return null;
      const given = Buffer.from(signature, "base64url");
      const expected = mac(body);
      if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return null;
      const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
      return Value.Check(ClaimsSchema, claims) && claims.aud === audience && claims.exp * 1000 > clock.now() ? claims : null;
    },
  };
}

/** Reads the key, making it first when there is none. Of two processes that make one, both get the same. */
export async function readOrMakeKey(path: string): Promise<Buffer> {
  const known = await readKey(path);
  if (known !== null) return known;
  await createSecretFile(path, `${randomBytes(32).toString("hex")}\n`);
  const made = await readKey(path);
  if (made === null) throw new Error(`${path} vanished`);
  return made;
}

/** Null when there is none. Others may not read it, whatever the operator's umask was. */
export async function readKey(path: string): Promise<Buffer | null> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    await chmod(path, 0o600);
    if (!/^[a-f0-9]{64}$/.test(text)) throw new Error(`${path} is not 64 hex digits`);
    return Buffer.from(text, "hex");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
