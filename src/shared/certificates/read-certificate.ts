import { X509Certificate } from "node:crypto";

/** SHA-256 of the certificate's DER bytes, 64 hex digits. @throws Node's error when the text is no certificate */
export function fingerprintOf(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256.replaceAll(":", "").toLowerCase();
}

/** When it ends, milliseconds since the Unix epoch. */
export function certificateEnd(certificate: string): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}
