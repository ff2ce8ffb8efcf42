import { BerthError, type ErrorCode } from "../../shared/domain/index.ts";

/** The codes of the distribution spec ("Error Codes"), and two that docker's registry added; each with its usual status. */
const OCI_STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  PAGINATION_NUMBER_INVALID: 400,
  TAG_INVALID: 400,
  RANGE_INVALID: 416,
} as const;

export type OciCode = keyof typeof OCI_STATUS;

interface Extras {
  /** When it is not the code's usual one. */
  status?: number;
  detail?: unknown;
  headers?: Record<string, string>;
}

const BERTH_CODES: Partial<Record<number, ErrorCode>> = {
  401: "unauthorized",
  403: "registry_denied",
  404: "image_not_found",
  413: "payload_too_large",
  429: "rate_limited",
};

/** An error that a registry client is told in the distribution spec's form. */
export class RegistryError extends BerthError {
  readonly ociCode: OciCode;
  readonly httpStatus: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(ociCode: OciCode, message: string, extras: Extras = {}) {
    const status = extras.status ?? OCI_STATUS[ociCode];
    super(BERTH_CODES[status] ?? "invalid_request", message);
    this.ociCode = ociCode;
    this.httpStatus = status;
    this.detail = extras.detail;
    this.headers = extras.headers ?? {};
  }
}
