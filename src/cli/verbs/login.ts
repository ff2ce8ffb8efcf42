import { text } from "node:stream/consumers";
import { Command } from "commander";
import { type Credential, createCredentialStore } from "../../shared/credentials/index.ts";
import { BerthError, namesRegistry, parseReference, systemClock } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { readSecret } from "../read-secret.ts";
import { action, examples } from "../verb.ts";

interface Options {
  username?: string;
  passwordStdin?: true;
}

const LOGIN_MS = 30_000;

/** Stores nothing that the registry refused. The password is never an argument: `ps` shows those to every user. */
export function loginVerb(io: CliIo): Command {
  const command = new Command("login")
    .description("Store credentials of a registry where docker, podman and skopeo find them too, after trying them.")
    .argument("[registry]", "host[:port]", "docker.io")
    .option("-u, --username <name>", "user name; asked for when missing")
    .option("--password-stdin", "read the password (or access token) from stdin instead of asking")
    .action(action(io, (registry: string, options: Options) => login(io, registry, options)));
  return examples(command, ["berth login ghcr.io -u ada", "pass registry | berth login registry.example:5000 -u ada --password-stdin"]);
}

async function login(io: CliIo, registry: string, options: Options): Promise<void> {
  const host = registryHost(registry);
  const username = options.username ?? (await readSecret(io, "Username: ", { echo: true }));
  const password = options.passwordStdin
    ? (await text(io.stdin)).replace(/\r?\n$/, "")
    : await readSecret(io, "Password: ", { echo: false });
  if (username === "" || password === "") throw new BerthError("invalid_request", "a user name and a password are needed");
  if (username.includes(":")) throw new BerthError("invalid_request", "a user name cannot hold a colon");
  const credential: Credential = { kind: "password", username, password };
  await tryOut(io, host, credential);
  const store = createCredentialStore(io.env);
  const helper = await store.save(host, credential);
  io.stderr.write(
    `logged in to ${host}; kept ${helper === null ? `in ${store.path}, readable by you alone` : `by docker-credential-${helper}`}\n`,
  );
}

/** A wrong password is told now, not at the first pull. @throws BerthError registry_denied, registry_unavailable */
async function tryOut(io: CliIo, registry: string, credential: Credential): Promise<void> {
  const { createRegistryAccess } = await import("../../shared/oci/index.ts");
  const access = createRegistryAccess({ env: io.env, clock: systemClock() });
  try {
    const client = await access.clientFor(`${registry}/x`, credential);
    await client.checkAccess(AbortSignal.timeout(LOGIN_MS));
  } finally {
    await access.close();
  }
}

/** "https://registry.example/" is what people paste. @throws BerthError invalid_reference */
export function registryHost(text: string): string {
  const host = text.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (!namesRegistry(`${host}/x`)) throw new BerthError("invalid_reference", `${JSON.stringify(text)} is not HOST[:PORT] of a registry`);
  return parseReference(`${host}/x`).registry;
}

/** What this user is logged in with at the registry of an image; it travels to the node by its socket, never by argv. */
export async function credentialOf(io: CliIo, reference: string): Promise<{ credential?: Credential }> {
  const credential = await createCredentialStore(io.env).find(parseReference(reference).registry);
  return credential === null ? {} : { credential };
}
