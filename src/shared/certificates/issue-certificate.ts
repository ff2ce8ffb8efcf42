import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { BerthError } from "../domain/index.ts";
import type { Authority } from "./authority.ts";
import { caArguments, checkedName, issuingConfig } from "./ca-arguments.ts";
import { withOpenssl } from "./openssl.ts";

export interface CertificateWishes {
  /** Common name. */
  subject: string;
  /** DNS names and IP addresses. */
  names: readonly string[];
  usage: "node" | "server";
  /** Milliseconds since the Unix epoch. */
  from: number;
  to: number;
}

const USAGES = { node: "clientAuth,serverAuth", server: "serverAuth" } as const;
const LARGEST_REQUEST = 8 * 1024;

/**
 * Signs a PKCS #10 request. Only its public key is taken over, and only a P-256 one; openssl checks that the request is signed
 * with the key it holds. Subject, names and extensions are the authority's.
 * @throws BerthError invalid_request when the request is none, or its key another kind
 */
export function issueCertificate(authority: Authority, request: string, wishes: CertificateWishes, scratch: string): Promise<string> {
  if (request.length > LARGEST_REQUEST || !/^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n[A-Za-z0-9+/=\r\n]+-----END/.test(request))
    throw new BerthError("invalid_request", "this is no PEM certificate request");
  return withOpenssl(scratch, async (openssl) => {
    await openssl.file("index.txt", "");
    const config = await openssl.file("issue.cnf", issuingConfig(leafExtensions(wishes)));
    const file = await openssl.file("request.pem", request);
    const by = ["-cert", authority.certificateFile, "-keyfile", authority.keyFile];
    const text = await openssl.run(...caArguments(config, file, wishes), ...by);
    const { publicKey } = new X509Certificate(text);
    if (publicKey.asymmetricKeyType !== "ec" || publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1")
      throw new BerthError("invalid_request", "a certificate request must hold a P-256 key");
    return text;
  });
}

function leafExtensions({ names, usage }: CertificateWishes): string[] {
  const alternatives = names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${checkedName(name)}`);
  return [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    `extendedKeyUsage=${USAGES[usage]}`,
    ...(alternatives.length === 0 ? [] : [`subjectAltName=${alternatives.join(",")}`]),
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
  ];
}
