import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTrustGate, type TrustGate, type TrustPolicy } from "../../src/node/images/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { createRegistryAccess, parseReference, type RegistryAccess, signImage } from "../../src/shared/oci/index.ts";
import { neverAborted } from "./test-store.ts";

export interface SigningKey {
  privateKey: KeyObject;
  /** PEM. */
  publicPem: string;
}

/** A key as `cosign generate-key-pair` makes (P-256), or another kind. */
export function makeKey(kind: "p256" | "ed25519" | "rsa" = "p256"): SigningKey {
  const pair =
    kind === "p256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : kind === "ed25519"
        ? generateKeyPairSync("ed25519")
        : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { privateKey: pair.privateKey, publicPem: pair.publicKey.export({ type: "spki", format: "pem" }).toString() };
}

export function testAccess(home: string): RegistryAccess {
  return createRegistryAccess({ env: { HOME: home }, clock: systemClock() });
}

/** A gate over a policy in `folder`; `path` is the file, to be written again. */
export async function openTestGate(
  folder: string,
  access: RegistryAccess,
  policy: TrustPolicy | string,
): Promise<TrustGate & { path: string }> {
  const path = join(folder, "policy.json");
  await writeFile(path, typeof policy === "string" ? policy : JSON.stringify(policy));
  const clientFor = (reference: string) => access.clientFor(reference, null);
  return { ...createTrustGate({ policyPath: path, required: true, evidenceFolder: join(folder, "trust"), clientFor }), path };
}

/** As `berth images sign`. */
export async function signed(access: RegistryAccess, reference: string, key: SigningKey): Promise<string> {
  const client = await access.clientFor(reference, null);
  return (await signImage(client, parseReference(reference), key.privateKey, neverAborted())).digest;
}
