import { BerthError, ERRORS, type ErrorCode, errorText } from "../../../shared/domain/index.ts";
import type { Problem } from "../../../shared/wire/index.ts";
import { type FieldError, fieldErrors, type SchemaError } from "./field-errors.ts";

const LONGEST_DETAIL = 2000;

/** What Fastify throws, and what anything else may throw. */
interface ThrownError {
  code?: unknown;
  statusCode?: unknown;
  validation?: SchemaError[];
  validationContext?: string;
}

/**
 * Any error as an RFC 9457 problem. What is not a BerthError or the framework's refusal of a request is a bug: its text
 * may hold anything, so it goes to the log only.
 */
export function toProblem(error: unknown, schemaCode: ErrorCode = "invalid_request"): Problem {
  if (error instanceof BerthError) return problemOfBerth(error);
  const thrown = (error ?? {}) as ThrownError;
  if (Array.isArray(thrown.validation))
    return schemaProblem(schemaCode, fieldErrors(thrown.validation, thrown.validationContext ?? "body"));
  const code = typeof thrown.code === "string" ? FRAMEWORK_CODES[thrown.code] : undefined;
  if (code) return problem(code, errorText(error).toLowerCase());
  const status = typeof thrown.statusCode === "number" ? thrown.statusCode : 500;
  if (status >= 400 && status < 500) return { ...problem("invalid_request", errorText(error).toLowerCase()), status };
  return problem("internal", "the control plane failed at this request; its log says more");
}

function problemOfBerth(error: BerthError): Problem {
  const size = error.details?.size;
  return {
    ...problem(error.code, error.message),
    ...(error.field === undefined ? {} : { errors: [{ field: error.field, message: withoutField(error.message, error.field) }] }),
    ...(typeof size === "number" ? { size } : {}),
  };
}

function schemaProblem(code: ErrorCode, errors: FieldError[]): Problem {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return { ...problem(code, first ? `${first.field}: ${first.message}${more}` : "does not fit the schema"), errors };
}

function problem(code: ErrorCode, detail: string): Problem {
  const { status, hint, retryable } = ERRORS[code];
  return {
    type: `urn:berth:error:${code}`,
    title: code.replaceAll("_", " "),
    status,
    detail: detail.length > LONGEST_DETAIL ? `${detail.slice(0, LONGEST_DETAIL)}...` : detail,
    code,
    hint,
    retryable,
  };
}

function withoutField(message: string, field: string): string {
  return message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;
}

const FRAMEWORK_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_BODY_TOO_LARGE: "payload_too_large",
  FST_ERR_NOT_FOUND: "route_not_found",
};
