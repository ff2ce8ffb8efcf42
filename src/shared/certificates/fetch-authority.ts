import { request } from "node:https";
import { BerthError, errorText } from "../domain/index.ts";
import { describeTlsError } from "./describe-tls-error.ts";
import { fingerprintOf } from "./read-certificate.ts";

const LONGEST_MS = 10_000;
const MOST_BYTES = 64 * 1024;

/**
 * The CA certificate (PEM) of the control plane at `origin`, asked for over a connection that proves nothing yet: it is believed
 * only when its fingerprint is the one the token carried. Nothing secret is sent.
 * @throws BerthError certificate_invalid for another CA, control_plane_unavailable
 */
export async function fetchAuthority(origin: string, fingerprint: string, signal?: AbortSignal): Promise<string> {
  const text = await download(`${origin}/v1/ca`, signal).catch((error: unknown) => {
    if (error instanceof BerthError) throw error;
    throw (
      describeTlsError(error, origin) ??
      new BerthError("control_plane_unavailable", `${origin} does not answer: ${errorText(error)}`, { cause: error })
    );
  });
  if (safeFingerprint(text) === fingerprint) return text;
  throw new BerthError(
    "certificate_invalid",
    `${origin} shows another CA than the token was made for (sha256:${fingerprint.slice(0, 12)}...): the token is of another cluster, or somebody is in between`,
  );
}

function safeFingerprint(text: string): string | null {
  try {
    return fingerprintOf(text);
  } catch {
    // Not a certificate: as wrong as a certificate of another CA.
    return null;
  }
}

function download(url: string, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([AbortSignal.timeout(LONGEST_MS), ...(signal ? [signal] : [])]);
    const outgoing = request(url, { rejectUnauthorized: false, agent: false, signal: limit }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > MOST_BYTES) response.destroy(new Error("too long for a certificate"));
        else parts.push(part);
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) return resolve(Buffer.concat(parts).toString("utf8"));
        reject(new BerthError("control_plane_unavailable", `${url} answered ${response.statusCode}: not a Berth control plane with TLS`));
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
