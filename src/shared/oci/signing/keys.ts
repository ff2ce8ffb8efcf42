import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { BerthError, errorText } from "../../domain/index.ts";
import { openCosignKey } from "./cosign-key.ts";

const MAX_PEM_BYTES = 64 * 1024;
const MIN_RSA_BITS = 2048;
const CURVES: readonly (string | undefined)[] = ["prime256v1", "secp384r1", "secp521r1"];

/**
 * A public key as cosign takes them: PEM of ECDSA (P-256, P-384, P-521), Ed25519, or RSA from 2048 bits on.
 * @throws BerthError invalid_request naming `what`
 */
export function readPublicKey(pem: string, what: string): KeyObject {
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) throw notAKey(what, "it is no PEM block PUBLIC KEY");
  return checkedKind(
    parse(() => createPublicKey(checkedSize(pem, what)), what),
    what,
  );
}

/**
 * A private key to sign with: PKCS #8 in PEM, or what `cosign generate-key-pair` writes; `passphrase` opens an encrypted one.
 * @throws BerthError invalid_request naming `what`
 */
export function readPrivateKey(pem: string, passphrase: string, what: string): KeyObject {
  const text = checkedSize(pem, what);
  const open = () => {
    const der = openCosignKey(text, passphrase);
    return der === null ? createPrivateKey({ key: text, passphrase }) : createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  };
  return checkedKind(parse(open, what), what);
}

/** With SHA-256, whatever the key, as cosign does; Ed25519 hashes by itself. RSA by PKCS #1 v1.5. */
export function signBytes(bytes: Uint8Array, key: KeyObject): Buffer {
  return sign(digestName(key), bytes, key);
}

/** True when one of the keys made the signature. */
export function verifiesWith(keys: readonly KeyObject[], bytes: Uint8Array, signature: Uint8Array): boolean {
  return keys.some((key) => verify(digestName(key), bytes, key, signature));
}

function digestName(key: KeyObject): string | null {
  return key.asymmetricKeyType === "ed25519" ? null : "sha256";
}

function checkedSize(pem: string, what: string): string {
  if (pem.length > MAX_PEM_BYTES) throw notAKey(what, `it has more than ${MAX_PEM_BYTES} bytes`);
  return pem;
}

function parse(read: () => KeyObject, what: string): KeyObject {
  try {
    return read();
  } catch (error) {
    throw notAKey(what, errorText(error));
  }
}

function checkedKind(key: KeyObject, what: string): KeyObject {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === "ed25519" || (kind === "ec" && CURVES.includes(details?.namedCurve))) return key;
  if (kind === "rsa" && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return key;
  throw notAKey(what, "only ECDSA on P-256, P-384 or P-521, Ed25519, and RSA from 2048 bits on are taken");
}

function notAKey(what: string, why: string): BerthError {
  return new BerthError("invalid_request", `${what} is not a usable key: ${why}`);
}
