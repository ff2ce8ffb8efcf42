import { BerthError } from "../domain/index.ts";

const NAME = /^[A-Za-z0-9][-A-Za-z0-9.:_]{0,252}$|^::[0-9A-Fa-f:.]*$/;

/** Milliseconds since the Unix epoch. `openssl ca` and not `openssl x509`: only it takes a beginning and an end to the second. */
export function caArguments(config: string, request: string, { subject, from, to }: { subject: string; from: number; to: number }) {
  const dates = ["-startdate", generalizedTime(from), "-enddate", generalizedTime(to)];
  return ["ca", "-batch", "-notext", "-config", config, "-in", request, "-subj", `/CN=${checkedName(subject)}`, ...dates];
}

/**
 * A config for `openssl ca` that copies no extension of the request: what a certificate is good for, `extensions` alone
 * say.
 */
export function issuingConfig(extensions: readonly string[]): string {
  const lines = ["[ca]", "default_ca=issue", "[issue]", "database=index.txt", "new_certs_dir=.", "default_md=sha256", "policy=subject"];
  const strict = ["unique_subject=no", "rand_serial=yes", "copy_extensions=none", "x509_extensions=extensions"];
  return [...lines, ...strict, "[subject]", "commonName=supplied", "[extensions]", ...extensions, ""].join("\n");
}

/** It goes into a config file and a subject: nothing in it may begin another line or field. */
export function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw new BerthError("invalid_request", `${JSON.stringify(name)} cannot be in a certificate`);
}

/** "20260131235959Z" */
function generalizedTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
}
