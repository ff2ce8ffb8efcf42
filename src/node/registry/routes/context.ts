import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../../shared/domain/index.ts";
import type { Authorizer, Caller } from "../auth/authorizer.ts";
import type { ManifestBytes } from "../manifests/manifest-bytes.ts";
import type { BlobFiles } from "../repositories/blob-files.ts";
import type { Repositories } from "../repositories/repositories.ts";
import type { UploadSessions } from "../uploads/upload-sessions.ts";

export interface Modes {
  push: boolean;
  delete: boolean;
}

/** What the routes act on. */
export interface RegistryParts {
  repositories: Repositories;
  uploads: UploadSessions;
  files: BlobFiles;
  manifests: ManifestBytes;
  authorizer: Authorizer;
  modes: Modes;
  clock: Clock;
}

/** One authorised request. */
export interface Call {
  request: FastifyRequest;
  reply: FastifyReply;
  query: URLSearchParams;
  caller: Caller;
}
