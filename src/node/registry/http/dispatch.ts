import type { FastifyReply, FastifyRequest } from "fastify";
import type { Need } from "../auth/authorizer.ts";
import type { Action } from "../auth/grants.ts";
import { RegistryError } from "../registry-error.ts";
import { deleteBlob, getBlob } from "../routes/blob.ts";
import type { Call, RegistryParts } from "../routes/context.ts";
import { listReferrers, listRepositories, listTags } from "../routes/listings.ts";
import { deleteManifest, getManifest, putManifest } from "../routes/manifest.ts";
import { issueToken } from "../routes/token.ts";
import { appendChunk, cancelUpload, finishUpload, startUpload, uploadStatus } from "../routes/upload.ts";
import { parseTarget, type Route } from "./parse-route.ts";

type Handler = (parts: RegistryParts, call: Call, route: never) => Promise<FastifyReply>;

interface Endpoint {
  /** The right that is needed in the repository; null where there is none. */
  action: Action | null;
  handle: Handler;
}

type On<K extends Route["kind"]> = Extract<Route, { kind: K }>;

const MANIFEST: Record<string, Endpoint> = {
  GET: { action: "pull", handle: (parts, call, route: On<"manifest">) => getManifest(parts, call, route) },
  HEAD: { action: "pull", handle: (parts, call, route: On<"manifest">) => getManifest(parts, call, route) },
  PUT: { action: "push", handle: (parts, call, route: On<"manifest">) => putManifest(parts, call, route) },
  DELETE: { action: "delete", handle: (parts, call, route: On<"manifest">) => deleteManifest(parts, call, route) },
};

const BLOB: Record<string, Endpoint> = {
  GET: { action: "pull", handle: (parts, call, route: On<"blob">) => getBlob(parts, call, route.repository, route.digest) },
  HEAD: { action: "pull", handle: (parts, call, route: On<"blob">) => getBlob(parts, call, route.repository, route.digest) },
  DELETE: { action: "delete", handle: (parts, call, route: On<"blob">) => deleteBlob(parts, call, route.repository, route.digest) },
};

const UPLOADS: Record<string, Endpoint> = {
  POST: { action: "push", handle: (parts, call, route: On<"uploads">) => startUpload(parts, call, route.repository) },
};

const UPLOAD: Record<string, Endpoint> = {
  GET: { action: "push", handle: (parts, call, route: On<"upload">) => uploadStatus(parts, call, route.repository, route.session) },
  PATCH: { action: "push", handle: (parts, call, route: On<"upload">) => appendChunk(parts, call, route.repository, route.session) },
  PUT: { action: "push", handle: (parts, call, route: On<"upload">) => finishUpload(parts, call, route.repository, route.session) },
  DELETE: { action: "push", handle: (parts, call, route: On<"upload">) => cancelUpload(parts, call, route.repository, route.session) },
};

const TAGS: Record<string, Endpoint> = {
  GET: { action: "pull", handle: (parts, call, route: On<"tags">) => listTags(parts, call, route.repository) },
};

const REFERRERS: Record<string, Endpoint> = {
  GET: { action: "pull", handle: (parts, call, route: On<"referrers">) => listReferrers(parts, call, route.repository, route.digest) },
};

const PING: Record<string, Endpoint> = {
  GET: { action: null, handle: async (_parts, { reply }) => reply.send({}) },
  HEAD: { action: null, handle: async (_parts, { reply }) => reply.send() },
};

const CATALOG: Record<string, Endpoint> = {
  GET: { action: null, handle: (parts, call) => listRepositories(parts, call) },
};

const ENDPOINTS: Partial<Record<Route["kind"], Record<string, Endpoint>>> = {
  manifest: MANIFEST,
  blob: BLOB,
  uploads: UPLOADS,
  upload: UPLOAD,
  tags: TAGS,
  referrers: REFERRERS,
  ping: PING,
  catalog: CATALOG,
};

/** Finds what a request asks for, checks that it may, and does it. */
export async function dispatch(parts: RegistryParts, realm: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  reply.header("docker-distribution-api-version", "registry/2.0");
  const { route, query } = parseTarget(request.raw.url ?? "");
  if (route.kind === "token") return tokenRoute(parts, { request, reply, query });
  const endpoint = ENDPOINTS[route.kind]?.[request.method];
  if (endpoint === undefined) throw new RegistryError("UNSUPPORTED", `${request.method} is not possible here`);
  checkMode(parts, endpoint.action);
  const caller = parts.authorizer.authorize(request.headers.authorization, needOf(route, endpoint.action), realm);
  return endpoint.handle(parts, { request, reply, query, caller }, route as never);
}

function tokenRoute(parts: RegistryParts, call: Omit<Call, "caller">): Promise<FastifyReply> {
  if (call.request.method !== "GET" && call.request.method !== "POST") throw new RegistryError("UNSUPPORTED", "GET or POST a token");
  return issueToken(parts, call);
}

function checkMode({ modes }: RegistryParts, action: Action | null): void {
  if (action === "push" && !modes.push) throw new RegistryError("UNSUPPORTED", "this registry takes no pushes");
  if (action === "delete" && !modes.delete) throw new RegistryError("UNSUPPORTED", "deleting is switched off in this registry");
}

/** Who pushes must also read: clients look for what is there before they send it. */
function needOf(route: Route, action: Action | null): Need {
  if (action === null || !("repository" in route)) return { kind: route.kind === "catalog" ? "catalog" : "login" };
  return { kind: "repository", repository: route.repository, actions: action === "push" ? ["pull", "push"] : [action] };
}
