import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { readPrivateKey, readPublicKey, signBytes, verifiesWith } from "../../../src/shared/oci/index.ts";
import { COSIGN_KEY } from "../../support/cosign-key.ts";
import { makeKey } from "../../support/trust-policy.ts";

const bytes = Buffer.from("signed");

test("cosign's encrypted key is opened by its passphrase, and is the one of its public key", () => {
  const key = readPrivateKey(COSIGN_KEY.encrypted, COSIGN_KEY.passphrase, "cosign.key");
  expect(verifiesWith([createPublicKey(COSIGN_KEY.publicPem)], bytes, signBytes(bytes, key))).toBe(true);
});

test.each([
  ["a wrong passphrase", COSIGN_KEY.encrypted, "open"],
  ["changed bytes", COSIGN_KEY.encrypted.replace(/.{8}==?\n/, "AAAAAAA=\n").replace(/\n(.{10})/, "\nAAAA$1"), COSIGN_KEY.passphrase],
  ["no key", "x", ""],
  ["a public key", COSIGN_KEY.publicPem, ""],
])("a private key with %s is refused with its name", (_what, pem, passphrase) => {
  expect(() => readPrivateKey(pem, passphrase, "my.key")).toThrow(
    expect.objectContaining({ code: "invalid_request", message: expect.stringContaining("my.key") }),
  );
});

test("an encrypted PKCS #8 key is opened by its passphrase", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" }).toString();
  expect(verifiesWith([publicKey], bytes, signBytes(bytes, readPrivateKey(pem, "p", "k")))).toBe(true);
});

test("public keys of other kinds, short RSA keys and private keys are refused", () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" }).toString();
  const other = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" }).toString();
  const secret = makeKey().privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const pem of [weak, other, secret, "", "x".repeat(100_000)])
    expect(() => readPublicKey(pem, "a.pub")).toThrow(expect.objectContaining({ code: "invalid_request" }));
});
