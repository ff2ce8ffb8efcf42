import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { type ApiClient, apiClient } from "./api-client.ts";
import { parseEndpoint } from "./endpoint.ts";
import { type HttpClient, httpClient } from "./http.ts";
import { type ImageClient, imageClient } from "./image-client.ts";
import { type NodeClient, nodeClient } from "./node-client.ts";

export const DEFAULT_HOST = "unix:///run/berth/api.sock";
export const DEFAULT_NODE = "unix:///run/berth/node.sock";

interface ConnectionOptions {
  host?: string;
  token?: string;
  tokenFile?: string;
  node?: string;
}

/** Adds --host, --token and --token-file. */
export function withHost(command: Command): Command {
  return command
    .option("--host <address>", `control plane (BERTH_HOST; default ${DEFAULT_HOST})`)
    .option("--token <token>", "API token; prefer BERTH_TOKEN or --token-file, which `ps` cannot show")
    .option("--token-file <path>", "file holding the API token");
}

/** Adds --node. */
export function withNode(command: Command): Command {
  return command.option("--node <address>", `the agent's local API (BERTH_NODE; default ${DEFAULT_NODE})`);
}

export async function connectApi(io: CliIo, command: Command): Promise<ApiClient> {
  const options = command.optsWithGlobals<ConnectionOptions>();
  const endpoint = parseEndpoint(options.host ?? (io.env["BERTH_HOST"] || DEFAULT_HOST));
  return apiClient(httpClient(endpoint, await readToken(options, io.env), "control_plane_unavailable"));
}

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
  return httpClient(endpoint, null, "node_unavailable");
}

/** --token, then --token-file, then BERTH_TOKEN, then BERTH_TOKEN_FILE; null when none is given. */
export async function readToken(options: ConnectionOptions, env: CliIo["env"]): Promise<string | null> {
  if (options.token) return options.token;
  if (options.tokenFile) return readTokenFile(options.tokenFile);
  if (env["BERTH_TOKEN"]) return env["BERTH_TOKEN"];
  return env["BERTH_TOKEN_FILE"] ? readTokenFile(env["BERTH_TOKEN_FILE"]) : null;
}

export async function readTokenFile(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new BerthError("invalid_request", `cannot read the token file ${path}: ${errorText(cause)}`, { cause });
  });
  const token = text.trim();
  if (token === "" || /\s/.test(token)) throw new BerthError("invalid_request", `${path} does not hold one token`);
  return token;
}
