import { Command } from "commander";
import { systemClock } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { readText } from "../files/read-text.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";
import { interruptibly } from "./images-transfer.ts";
import { credentialOf } from "./login.ts";

interface SignOptions extends TextOptions {
  key: string;
}

/** Works without an agent: the private key is read here and never leaves this process. */
export function imagesSignCommand(io: CliIo): Command {
  const command = withTextOrJson(new Command("sign"))
    .description("Sign an image in its registry as `cosign sign --key` does. The key stays with this command.")
    .argument("<image>", "as it is in the registry: NAME[:TAG] or NAME@DIGEST; an index is signed as a whole")
    .requiredOption("-k, --key <file>", "private key: PKCS #8 in PEM, or cosign's cosign.key; COSIGN_PASSWORD opens it")
    .action(action(io, (image: string, options: SignOptions) => sign(io, image, options)));
  return examples(command, [
    "openssl genpkey -algorithm ed25519 -out team.key && openssl pkey -in team.key -pubout -out team.pub",
    "berth images sign registry.example/team/trainer:v2 --key team.key",
    "COSIGN_PASSWORD=... berth images sign registry.example/team/trainer:v2 --key cosign.key",
  ]);
}

async function sign(io: CliIo, image: string, { key, output }: SignOptions): Promise<void> {
  const { createRegistryAccess, parseReference, readPrivateKey, signImage } = await import("../../shared/oci/index.ts");
  const reference = parseReference(image);
  const privateKey = readPrivateKey(await readText(key, `the key ${key}`), io.env["COSIGN_PASSWORD"] ?? "", key);
  const { credential = null } = await credentialOf(io, image);
  const access = createRegistryAccess({ env: io.env, clock: systemClock() });
  try {
    const client = await access.clientFor(image, credential);
    const signed = await interruptibly(io, (signal) => signImage(client, reference, privateKey, signal));
    if (output === "json") return await printValue(io, "json", { reference: image, ...signed });
    io.stdout.write(`signed ${image} ${signed.digest}\n`);
  } finally {
    await access.close();
  }
}
