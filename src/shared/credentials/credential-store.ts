import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileDurably } from "../files/index.ts";
import type { Credential } from "./credential.ts";
import { askHelper, tellHelper } from "./credential-helper.ts";
import { configKeyOf, helperFor, parseDockerConfig, storedCredential, withStoredCredential } from "./docker-config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The credentials of one user, where docker, podman and skopeo look for them too. */
export interface CredentialStore {
  readonly path: string;
  /** Null for none. @throws BerthError invalid_request for a file or a helper that cannot be read */
  find(host: string): Promise<Credential | null>;
  /** Null removes them. The file is readable by its owner alone. Returns the helper that took them, null for the file. */
  save(host: string, credential: Credential | null): Promise<string | null>;
}

/** $DOCKER_CONFIG/config.json, else ~/.docker/config.json. */
export function createCredentialStore(env: Environment): CredentialStore {
  const path = join(env["DOCKER_CONFIG"] || join(env["HOME"] || "/root", ".docker"), "config.json");
  const read = async (): Promise<string> => readFile(path, "utf8").catch(emptyWhenAbsent);
  return {
    path,
    async find(host) {
      const config = parseDockerConfig(await read(), path);
      const helper = helperFor(config, host);
      const fromHelper = helper === null ? null : await askHelper(helper, configKeyOf(host), env);
      return fromHelper ?? storedCredential(config, host);
    },
    async save(host, credential) {
      const text = await read();
      const helper = helperFor(parseDockerConfig(text, path), host);
      if (helper !== null) await tellHelper(helper, configKeyOf(host), credential, env);
      const content = withStoredCredential(JSON.parse(text) as Record<string, unknown>, host, helper === null ? credential : null);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFileDurably(path, `${JSON.stringify(content, null, "\t")}\n`);
      return helper;
    },
  };
}

function emptyWhenAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return "{}";
  throw error;
}
