import { Command } from "commander";
import { createCredentialStore } from "../../shared/credentials/index.ts";
import type { CliIo } from "../cli-io.ts";
import { action, examples } from "../verb.ts";
import { registryHost } from "./login.ts";

/** Exits with 0 too when there was nothing to forget. */
export function logoutVerb(io: CliIo): Command {
  const command = new Command("logout")
    .description("Forget the credentials of a registry.")
    .argument("[registry]", "host[:port]", "docker.io")
    .action(action(io, (registry: string) => logout(io, registry)));
  return examples(command, ["berth logout ghcr.io"]);
}

async function logout(io: CliIo, registry: string): Promise<void> {
  const host = registryHost(registry);
  await createCredentialStore(io.env).save(host, null);
  io.stderr.write(`logged out of ${host}\n`);
}
