import type { Command } from "commander";
import { fetchAuthority, splitToken } from "../../shared/certificates/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { readText } from "../files/read-text.ts";
import { type ApiClient, apiClient } from "./api-client.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { type Credentials, type HttpClient, httpClient, NO_CREDENTIALS } from "./http.ts";
import { type ImageClient, imageClient } from "./image-client.ts";
import { type NodeClient, nodeClient } from "./node-client.ts";

export const DEFAULT_HOST = "unix:///run/berth/api.sock";
export const DEFAULT_NODE = "unix:///run/berth/node.sock";

interface ConnectionOptions {
  host?: string;
  token?: string;
  tokenFile?: string;
  caFile?: string;
  insecureHttp?: boolean;
  node?: string;
}

/** Adds --host, --token, --token-file, --ca-file and --insecure-http. */
export function withHost(command: Command): Command {
  return command
    .option("--host <address>", `control plane (BERTH_HOST; default ${DEFAULT_HOST})`)
    .option("--token <token>", "API token; prefer BERTH_TOKEN or --token-file, which `ps` cannot show")
    .option("--token-file <path>", "file holding the API token")
    .option(
      "--ca-file <path>",
      "PEM file of the CA of an https:// control plane (BERTH_CA_FILE); a token may carry its fingerprint instead",
    )
    .option("--insecure-http", "send the token without TLS to another machine (BERTH_INSECURE_HTTP=1)");
}

/** Adds --node. */
export function withNode(command: Command): Command {
  return command.option("--node <address>", `the agent's local API (BERTH_NODE; default ${DEFAULT_NODE})`);
}

/**
 * The control plane that --host or BERTH_HOST names, else the local socket. Nothing is sent yet.
 * @throws BerthError invalid_request for an address, token file or CA file that is none, or a token that would travel in
 * clear
 */
export async function connectApi(io: CliIo, command: Command): Promise<ApiClient> {
  const options = command.optsWithGlobals<ConnectionOptions>();
  const endpoint = parseEndpoint(options.host ?? (io.env["BERTH_HOST"] || DEFAULT_HOST));
  return apiClient(httpClient(endpoint, await apiCredentials(endpoint, options, io.env), "control_plane_unavailable"));
}

/**
 * The local agent that --node or BERTH_NODE names; its socket takes no token.
 * @throws BerthError invalid_request for an address that is none
 */
export function connectNode(io: CliIo, command: Command): NodeClient {
  return nodeClient(nodeHttp(io, command));
}

/** What `berth images` asks besides. */
export function connectImages(io: CliIo, command: Command): ImageClient {
  return imageClient(nodeHttp(io, command));
}

function nodeHttp(io: CliIo, command: Command): HttpClient {
  const options = command.optsWithGlobals<ConnectionOptions>();
  const endpoint = parseEndpoint(options.node ?? (io.env["BERTH_NODE"] || DEFAULT_NODE));
  return httpClient(endpoint, NO_CREDENTIALS, "node_unavailable");
}

/** @throws BerthError invalid_request when a token would travel in clear, or a file cannot be read */
async function apiCredentials(endpoint: Endpoint, options: ConnectionOptions, env: CliIo["env"]): Promise<Credentials> {
  const written = await readToken(options, env);
  const { token, fingerprint } = written === null ? { token: null, fingerprint: null } : splitToken(written);
  if (endpoint.kind === "unix") return { ...NO_CREDENTIALS, token };
  const { origin, protocol, hostname } = endpoint.url;
  if (protocol === "http:" && token !== null && !isLoopback(hostname) && !options.insecureHttp && env["BERTH_INSECURE_HTTP"] !== "1")
    throw new BerthError("invalid_request", `${endpoint.label} has no TLS: the token would travel in clear`, {
      details: { hint: `use https://${endpoint.url.host}, or --insecure-http on a network that you trust` },
    });
  const path = options.caFile ?? env["BERTH_CA_FILE"];
  if (protocol === "http:") return { ...NO_CREDENTIALS, token };
  if (path) return { token, ca: () => readText(path, `the CA file ${path}`) };
  let pinned: Promise<string> | null = null;
  const fetchOnce = (wanted: string) => (pinned ??= fetchAuthority(origin, wanted));
  return { token, ca: async () => (fingerprint === null ? null : fetchOnce(fingerprint)) };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
}

/** --token, then --token-file, then BERTH_TOKEN, then BERTH_TOKEN_FILE; null when none is given. */
export async function readToken(options: ConnectionOptions, env: CliIo["env"]): Promise<string | null> {
  if (options.token) return options.token;
  if (options.tokenFile) return readTokenFile(options.tokenFile);
  if (env["BERTH_TOKEN"]) return env["BERTH_TOKEN"];
  return env["BERTH_TOKEN_FILE"] ? readTokenFile(env["BERTH_TOKEN_FILE"]) : null;
}

/**
 * The one token of a file, without the blanks around it.
 * @throws BerthError invalid_request when it cannot be read, is empty or holds more than one word
 */
export async function readTokenFile(path: string): Promise<string> {
  const token = (await readText(path, `the token file ${path}`)).trim();
  if (token === "" || /\s/.test(token)) throw new BerthError("invalid_request", `${path} does not hold one token`);
  return token;
}
