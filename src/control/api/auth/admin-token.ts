import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";

/** Answers whether a token is the admin token, in a time that tells nothing about it. */
export interface AdminToken {
  matches(token: string): boolean;
}

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
  await writeToken(path, fresh);
  return adminToken(fresh);
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

async function writeToken(path: string, token: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(`${token}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const parent = await open(folder, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
