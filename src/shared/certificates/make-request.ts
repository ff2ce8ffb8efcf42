import { generateKeyPairSync } from "node:crypto";
import { withOpenssl } from "./openssl.ts";

const CONFIG = "[req]\ndistinguished_name=subject\n[subject]\n";

/** A fresh P-256 private key, PKCS #8 PEM. */
export function makeKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** A PKCS #10 request (PEM) that proves that its maker has the key. Its subject means nothing: the authority sets one. */
export function makeRequest(key: string, scratch: string): Promise<string> {
  return withOpenssl(scratch, async (openssl) => {
    const [keyFile, config] = [await openssl.file("key.pem", key), await openssl.file("request.cnf", CONFIG)];
    return openssl.run("req", "-new", "-config", config, "-key", keyFile, "-subj", "/CN=berth", "-sha256");
  });
}
