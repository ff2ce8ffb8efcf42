import { isDigest, MAX_DIGEST_LENGTH } from "./digest.ts";
import { BerthError } from "./errors.ts";

/** An image reference with every default filled in. */
export interface Reference {
  /** "docker.io", "registry.example:5000". */
  registry: string;
  /** "library/debian". */
  repository: string;
  /** Null only when a digest is given. */
  tag: string | null;
  digest: string | null;
}

const DEFAULT_REGISTRY = "docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
/** distribution/reference: NameTotalLengthMax. Checked before any pattern runs. */
const MAX_NAME_LENGTH = 255;
const MAX_REFERENCE_LENGTH = MAX_NAME_LENGTH + 1 + 128 + 1 + MAX_DIGEST_LENGTH;

// The grammar of distribution/reference. Each pattern has one way to match a text, so none can backtrack badly.
const REGISTRY = /^(?:\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*)(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * "debian" -> docker.io/library/debian:latest. Accepts NAME, NAME:TAG, NAME@DIGEST, NAME:TAG@DIGEST, each with or
 * without REGISTRY[:PORT]/. A first component is a registry when it has a dot, a port, upper case, or is "localhost".
 * @throws BerthError invalid_reference
 */
export function parseReference(text: string): Reference {
  if (text.length === 0 || text.length > MAX_REFERENCE_LENGTH) throw invalid(text, "it is empty or too long");
  const at = text.indexOf("@");
  const digest = at < 0 ? null : text.slice(at + 1);
  if (digest !== null && !isDigest(digest)) throw invalid(text, "the digest is neither sha256:<64 hex digits> nor sha512:<128 hex digits>");
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at));
  if (tag !== null && !TAG.test(tag)) throw invalid(text, `the tag ${JSON.stringify(tag)} is not allowed`);
  const { registry, repository } = splitRegistry(name);
  checkName(text, registry, repository);
  return { registry, repository, tag: tag ?? (digest === null ? DEFAULT_TAG : null), digest };
}

/** The full form: "docker.io/library/debian:bookworm". */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === null ? "" : `:${reference.tag}`;
  const digest = reference.digest === null ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** The short form that people write: "debian:bookworm", "user/app:1", "registry.example:5000/app:1". */
export function familiarReference(reference: Reference): string {
  const full = formatReference(reference);
  if (reference.registry !== DEFAULT_REGISTRY) return full;
  const short = full.slice(DEFAULT_REGISTRY.length + 1);
  const rest = short.slice(OFFICIAL_PREFIX.length);
  return short.startsWith(OFFICIAL_PREFIX) && !rest.includes("/") ? rest : short;
}

/** `formatReference(parseReference(text))`. @throws BerthError invalid_reference */
export function normaliseReference(text: string): string {
  return formatReference(parseReference(text));
}

/** True when the text itself says which registry: "ghcr.io/a/b", not "a/b". What a person calls "trainer" is never somebody else's. */
export function namesRegistry(text: string): boolean {
  const slash = text.indexOf("/");
  return slash > 0 && isRegistryHost(text.slice(0, slash));
}

function isRegistryHost(component: string): boolean {
  return /[.:A-Z[]/.test(component) || component === "localhost";
}

/** Splits at the colon after the last slash: an earlier one belongs to the registry's port. */
function splitTag(text: string): { name: string; tag: string | null } {
  const colon = text.indexOf(":", text.lastIndexOf("/") + 1);
  return colon < 0 ? { name: text, tag: null } : { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function splitRegistry(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (first !== "" && isRegistryHost(first)) {
    const registry = first === "index.docker.io" ? DEFAULT_REGISTRY : first;
    return { registry, repository: officialPath(registry, name.slice(slash + 1)) };
  }
  return { registry: DEFAULT_REGISTRY, repository: officialPath(DEFAULT_REGISTRY, name) };
}

function officialPath(registry: string, path: string): string {
  return registry === DEFAULT_REGISTRY && !path.includes("/") ? OFFICIAL_PREFIX + path : path;
}

function checkName(text: string, registry: string, repository: string): void {
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH)
    throw invalid(text, `the name is longer than ${MAX_NAME_LENGTH} characters`);
  if (!REGISTRY.test(registry)) throw invalid(text, `the registry ${JSON.stringify(registry)} is not a host`);
  if (Number(/:(\d+)$/.exec(registry)?.[1] ?? 0) > 65_535) throw invalid(text, `the registry ${JSON.stringify(registry)} has no such port`);
  const bad = repository.split("/").find((component) => !COMPONENT.test(component));
  if (bad === undefined) return;
  const hint = bad === bad.toLowerCase() ? "" : "; names are lower-case";
  throw invalid(text, `the name component ${JSON.stringify(bad)} is not allowed${hint}`);
}

function invalid(text: string, why: string): BerthError {
  return new BerthError("invalid_reference", `${JSON.stringify(text.slice(0, 300))} is not an image reference: ${why}`);
}
