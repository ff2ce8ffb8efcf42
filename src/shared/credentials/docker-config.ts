import { BerthError, errorText } from "../domain/index.ts";
import type { Credential } from "./credential.ts";

const AUTH_MEMBERS = ["auth", "username", "password", "identitytoken"] as const;

/** Docker's config.json, the parts about registries; other members are kept as they are. */
export interface DockerConfig {
  auths?: Record<string, Partial<Record<(typeof AUTH_MEMBERS)[number], string>>>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

/** The key that docker login writes for Docker Hub. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** @throws BerthError invalid_request naming `path`; never with the content, which holds secrets */
export function parseDockerConfig(text: string, path: string): DockerConfig {
  try {
    const value: unknown = JSON.parse(text);
    if (isDockerConfig(value)) return value;
  } catch (error) {
    // V8 quotes the text around the place: only the kind of error is told.
    throw new BerthError("invalid_request", `${path} is not JSON (${error instanceof SyntaxError ? "syntax error" : errorText(error)})`);
  }
  throw new BerthError("invalid_request", `${path} is not a Docker configuration`);
}

/** By hand: every `berth pull` reads this file, and loading a schema library takes longer than the rest of the command. */
function isDockerConfig(value: unknown): value is DockerConfig {
  if (!isRecord(value)) return false;
  const { auths = {}, credHelpers = {}, credsStore } = value;
  const isAuth = (auth: unknown) => isRecord(auth) && AUTH_MEMBERS.every((name) => isOptionalText(auth[name]));
  return isOptionalText(credsStore) && isRecordOf(credHelpers, isText) && isRecordOf(auths, isAuth);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRecordOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return isRecord(value) && Object.values(value).every(isMember);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || isText(value);
}

/** What is written under for a host: "docker.io" and its aliases have Docker Hub's old URL. */
export function configKeyOf(host: string): string {
  return DOCKER_HUB_HOSTS.has(host) ? DOCKER_HUB_KEY : host;
}

/** Which helper program's store holds the host's credentials; null for the file itself. */
export function helperFor(config: DockerConfig, host: string): string | null {
  const own = Object.entries(config.credHelpers ?? {}).find(([key]) => hostOfKey(key) === hostOfKey(configKeyOf(host)));
  return own?.[1] ?? config.credsStore ?? null;
}

/** The credentials that the file itself has for a host; null for none. */
export function storedCredential(config: DockerConfig, host: string): Credential | null {
  const wanted = hostOfKey(configKeyOf(host));
  const auth = Object.entries(config.auths ?? {}).find(([key]) => hostOfKey(key) === wanted)?.[1];
  if (auth === undefined) return null;
  if (auth.identitytoken) return { kind: "identity-token", token: auth.identitytoken };
  const [username, password] = auth.auth ? splitAuth(auth.auth) : [auth.username ?? "", auth.password ?? ""];
  return username === "" ? null : { kind: "password", username, password };
}

/** A copy of the file's content with the host's credentials set, or removed. */
export function withStoredCredential(
  content: Record<string, unknown>,
  host: string,
  credential: Credential | null,
): Record<string, unknown> {
  const auths = { ...(content["auths"] as Record<string, unknown> | undefined) };
  for (const key of Object.keys(auths)) if (hostOfKey(key) === hostOfKey(configKeyOf(host))) delete auths[key];
  if (credential?.kind === "password")
    auths[configKeyOf(host)] = { auth: Buffer.from(`${credential.username}:${credential.password}`).toString("base64") };
  if (credential?.kind === "identity-token") auths[configKeyOf(host)] = { auth: "", identitytoken: credential.token };
  return { ...content, auths };
}

function splitAuth(auth: string): [string, string] {
  const text = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = text.indexOf(":");
  return colon < 0 ? ["", ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** "https://host:port/v1/" and "host:port" are the same registry. */
function hostOfKey(key: string): string {
  return key
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "")
    .toLowerCase();
}
