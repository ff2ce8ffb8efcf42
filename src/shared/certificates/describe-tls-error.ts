import { BerthError } from "../domain/index.ts";

const UNKNOWN_CA = /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)/;
const PLAIN_HTTP = /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/;

/** A failed TLS handshake in words that say what to do; null for every other error. */
export function describeTlsError(error: unknown, server: string, now = Date.now()): BerthError | null {
  const code = codeOf(error);
  const say = (text: string, hint: string) =>
    new BerthError("certificate_invalid", `${server}: ${text}`, { cause: error, details: { hint } });
  if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") {
    const when = code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet";
    return say(`its certificate ${when} at this machine's time ${new Date(now).toISOString()}`, "compare the clocks of the two machines");
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return say("its certificate is for other names", "use a name or address that it has, or add --tls-name to the control plane");
  if (UNKNOWN_CA.test(code))
    return say("its certificate is not of a CA that is trusted here", "give --ca-file, or a token that carries the CA's fingerprint");
  if (PLAIN_HTTP.test(code)) return say("it does not speak TLS as expected", "check http:// or https:// of the address");
  return null;
}

function codeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && !at.code.startsWith("UND_")) return at.code;
  }
  return "";
}
