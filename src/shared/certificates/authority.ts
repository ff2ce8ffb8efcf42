import { readFile, stat } from "node:fs/promises";
import { BerthError, errorText } from "../domain/index.ts";
import { caArguments, issuingConfig } from "./ca-arguments.ts";
import { makeKey } from "./make-request.ts";
import { withOpenssl } from "./openssl.ts";
import { fingerprintOf } from "./read-certificate.ts";

/** Who signs the certificates of one cluster. */
export interface Authority {
  /** PEM. */
  certificate: string;
  /** Files that openssl reads; they may be the same one. */
  certificateFile: string;
  keyFile: string;
  fingerprint: string;
}

const DAY_MS = 86_400_000;
const LIFETIME_MS = 3650 * DAY_MS;

const EXTENSIONS = [
  "basicConstraints=critical,CA:TRUE,pathlen:0",
  "keyUsage=critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier=hash",
] as const;

/** A new self-signed authority: certificate and key in one PEM text. Valid from yesterday on: clocks differ. */
export function makeAuthority(now: number, scratch: string): Promise<string> {
  const key = makeKey();
  return withOpenssl(scratch, async (openssl) => {
    await openssl.file("index.txt", "");
    const keyFile = await openssl.file("key.pem", key);
    const config = await openssl.file("issue.cnf", `[req]\ndistinguished_name=none\n[none]\n${issuingConfig(EXTENSIONS)}`);
    const request = await openssl.run("req", "-new", "-config", config, "-key", keyFile, "-subj", "/CN=berth-cluster", "-sha256");
    const dates = { subject: "berth-cluster", from: now - DAY_MS, to: now + LIFETIME_MS };
    const self = ["-selfsign", "-keyfile", keyFile];
    return `${await openssl.run(...caArguments(config, await openssl.file("request.pem", request), dates), ...self)}${key}`;
  });
}

/** @throws BerthError forbidden when others may read the key, missing_requirement when a file is missing or no certificate */
export async function readAuthority(certificateFile: string, keyFile: string): Promise<Authority> {
  const text = await readFile(certificateFile, "utf8").catch((error: unknown) => {
    throw new BerthError("missing_requirement", `cannot read the cluster's CA ${certificateFile}: ${errorText(error)}`, { cause: error });
  });
  const [certificate] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text) ?? [];
  if (certificate === undefined) throw new BerthError("missing_requirement", `${certificateFile} holds no PEM certificate`);
  await refuseOpenKey(keyFile);
  return { certificate: `${certificate}\n`, certificateFile, keyFile, fingerprint: fingerprintOf(certificate) };
}

/** A group may read it, as Kubernetes mounts Secrets for a pod that is not root; others never. */
async function refuseOpenKey(path: string): Promise<void> {
  const { mode } = await stat(path).catch((error: unknown) => {
    throw new BerthError("missing_requirement", `cannot read the key of the cluster's CA ${path}: ${errorText(error)}`, { cause: error });
  });
  if ((mode & 0o037) !== 0) throw new BerthError("forbidden", `${path} can be read by others; run: chmod 600 ${path}`);
}
