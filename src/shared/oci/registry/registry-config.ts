import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError, errorText } from "../../domain/index.ts";
import { hostnameOf, isLoopbackHost, listNamesHost } from "./hosts.ts";

const Hosts = Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 1000 });

const RegistryConfigSchema = Type.Object(
  {
    /** Registry -> base URLs that are asked before it, in order. */
    mirrors: Type.Optional(Type.Record(Type.String(), Hosts)),
    /** Registries whose certificate is not checked and that may speak plain HTTP: "host:port", ".suffix", CIDR. */
    insecure: Type.Optional(Hosts),
    /** Registry -> further hosts that may ask for its credentials (token services on a domain of their own). */
    realms: Type.Optional(Type.Record(Type.String(), Hosts)),
    /** Folders laid out as /etc/docker/certs.d: <host[:port]>/{*.crt, NAME.cert, NAME.key}. */
    certificates: Type.Optional(Hosts),
  },
  { additionalProperties: false },
);

/** How registries are reached; empty means Docker's defaults. */
export type RegistryConfig = Static<typeof RegistryConfigSchema>;

/** Reads the text of a registries.json. @throws BerthError invalid_request naming `path` */
export function parseRegistryConfig(text: string, path: string): RegistryConfig {
  const value = parseJson(text, path);
  const [problem] = Value.Errors(RegistryConfigSchema, value);
  if (problem === undefined) return value as RegistryConfig;
  throw new BerthError("invalid_request", `${path} is not valid: ${problem.instancePath || "/"} ${problem.message}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid_request", `${path} is not JSON: ${errorText(error)}`, { cause: error });
  }
}

/** A place that serves a registry's content. */
export interface Endpoint {
  /** host[:port], the key of credentials and certificates. */
  host: string;
  /** To be tried in this order; the first that answers is kept. Paths end without "/v2". */
  urls: readonly URL[];
  mirror: boolean;
  insecure: boolean;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";

/**
 * Where a registry's content is to be had: its mirrors first, itself last. The loopback is insecure as it is for Docker:
 * HTTPS without a check of the certificate, else HTTP.
 */
export function endpointsOf(config: RegistryConfig, registry: string): Endpoint[] {
  const mirrors = (config.mirrors?.[registry] ?? []).map((text) => mirrorEndpoint(config, text));
  return [...mirrors, originEndpoint(config, registry)];
}

/**
 * The registry itself, without its mirrors; pushes go there alone. Docker Hub answers at another host than its name.
 */
export function originEndpoint(config: RegistryConfig, registry: string): Endpoint {
  const host = registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry;
  const insecure = isInsecure(config, host);
  const schemes = insecure ? ["https", "http"] : ["https"];
  return { host, urls: schemes.map((scheme) => new URL(`${scheme}://${host}`)), mirror: false, insecure };
}

function mirrorEndpoint(config: RegistryConfig, text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw new BerthError("invalid_request", `the mirror ${JSON.stringify(text)} is not an http or https URL without a password`);
  return { host: url.host, urls: [url], mirror: true, insecure: isInsecure(config, url.host) };
}

function isInsecure(config: RegistryConfig, host: string): boolean {
  return isLoopbackHost(hostnameOf(host)) || listNamesHost(config.insecure ?? [], host, false);
}

/**
 * Whether the token service at `realm` may see the credentials of the registry at `registry` (the URL that gave the
 * challenge): the same host, a host of the same parent domain, or one the operator named; and never over plain HTTP when
 * the registry speaks HTTPS. A challenge is not a licence to send a password anywhere (CVE-2020-15157).
 */
export function mayAuthenticateAt(config: RegistryConfig, registry: URL, realm: URL): boolean {
  if (realm.protocol !== "https:" && (realm.protocol !== "http:" || registry.protocol === "https:")) return false;
  if (realm.username !== "" || realm.password !== "") return false;
  if (realm.hostname === registry.hostname) return true;
  if (listNamesHost(config.realms?.[registry.host] ?? [], realm.host, false)) return true;
  const parent = registry.hostname.slice(registry.hostname.indexOf(".") + 1);
  const isDomain = parent.includes(".") && !/^[\d.]+$|:/.test(registry.hostname);
  return isDomain && (realm.hostname === parent || realm.hostname.endsWith(`.${parent}`));
}
