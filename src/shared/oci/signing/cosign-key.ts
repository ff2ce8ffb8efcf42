import { scryptSync } from "node:crypto";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError } from "../../domain/index.ts";
import { openSecretbox } from "./secretbox.ts";

/** The JSON inside the PEM block (go-securesystemslib, "encrypted"). */
const KeySchema = Type.Object({
  kdf: Type.Object({
    name: Type.Literal("scrypt"),
    params: Type.Object({ N: Type.Integer(), r: Type.Integer(), p: Type.Integer() }),
    salt: Type.String(),
  }),
  cipher: Type.Object({ name: Type.Literal("nacl/secretbox"), nonce: Type.String() }),
  ciphertext: Type.String(),
});

const BLOCK = /-----BEGIN ENCRYPTED (COSIGN|SIGSTORE) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END ENCRYPTED \1 PRIVATE KEY-----/;
/** Twice what the strongest of cosign's settings needs; a file must not make us take gigabytes. */
const MAX_MEMORY = 256 * 1024 * 1024;

/**
 * The PKCS #8 DER inside a key file of cosign; null when the text is none.
 * @throws BerthError invalid_request for a wrong passphrase or a damaged file
 */
export function openCosignKey(pem: string, passphrase: string): Buffer | null {
  const [, , body] = BLOCK.exec(pem) ?? [];
  if (body === undefined) return null;
  const { kdf, cipher, ciphertext } = parse(Buffer.from(body, "base64").toString("utf8"));
  const { N, r, p } = kdf.params;
  const key = scryptSync(passphrase, Buffer.from(kdf.salt, "base64"), 32, { N, r, p, maxmem: MAX_MEMORY });
  const der = openSecretbox(Buffer.from(ciphertext, "base64"), Buffer.from(cipher.nonce, "base64"), key);
  if (der === null) throw new BerthError("invalid_request", "the passphrase (COSIGN_PASSWORD) does not open it");
  return der;
}

function parse(text: string): Static<typeof KeySchema> {
  const value: unknown = JSON.parse(text);
  if (Value.Check(KeySchema, value)) return value;
  throw new BerthError("invalid_request", "it is not as cosign writes encrypted keys (scrypt, nacl/secretbox)");
}
