import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";

/** What a TLS connection to one host needs besides the defaults. */
export interface TlsFiles {
  /** PEM; null for Node's own list. */
  ca: string[] | null;
  cert: string | null;
  key: string | null;
}

/**
 * Reads <folder>/<host[:port]>/ as Docker does: every *.crt is a further authority, NAME.cert with NAME.key identifies this
 * client. Folders that are not there are passed over.
 */
export async function readTlsFiles(folders: readonly string[], host: string): Promise<TlsFiles> {
  const files: TlsFiles = { ca: null, cert: null, key: null };
  for (const folder of folders.map((base) => join(base, host.replaceAll("/", "")))) {
    const names = (await readdir(folder).catch(absent)).sort();
    for (const name of names.filter((candidate) => candidate.endsWith(".crt"))) {
      files.ca ??= [...rootCertificates];
      files.ca.push(await readFile(join(folder, name), "utf8"));
    }
    const client = names.find((name) => name.endsWith(".cert") && names.includes(`${name.slice(0, -5)}.key`));
    if (client === undefined) continue;
    files.cert = await readFile(join(folder, client), "utf8");
    files.key = await readFile(join(folder, `${client.slice(0, -5)}.key`), "utf8");
  }
  return files;
}

function absent(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
  throw error;
}
