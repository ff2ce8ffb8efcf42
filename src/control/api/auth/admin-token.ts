import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import { createSecretFile } from "../../../shared/files/index.ts";

/** Answers whether a token is the admin token, in a time that tells nothing about it. */
export interface AdminToken {
  matches(token: string): boolean;
}

/** Compares digests: neither the length nor the beginning of the token shows in the time it takes. */
export function adminToken(token: string): AdminToken {
  const wanted = sha256(token);
  return { matches: (given) => timingSafeEqual(sha256(given), wanted) };
}

/**
 * Reads <data-dir>/control/admin-token, made (mode 0600) at the first start. Whoever may read it is the operator.
 * @throws BerthError forbidden when others may read it
 */
export async function loadAdminToken(path: string): Promise<AdminToken> {
  const stored = await readToken(path);
  if (stored !== null) return adminToken(stored);
  const fresh = `berth_admin_${randomBytes(32).toString("base64url")}`;
  // One that is too short to be safe is replaced.
  await rm(path, { force: true });
  return adminToken((await createSecretFile(path, `${fresh}\n`)).trim());
}

async function readToken(path: string): Promise<string | null> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) throw new BerthError("forbidden", `${path} can be read by others; run: chmod 600 ${path}`);
    const token = (await readFile(file, "utf8")).trim();
    return token.length >= 32 ? token : null;
  } finally {
    await file.close();
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
