import { BerthError, ERRORS, type ErrorCode } from "../../shared/domain/index.ts";

/** RFC 9457 problem details as Berth's servers send them. */
export interface Problem {
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  hint?: string;
  errors?: { field: string; message: string }[];
}

/** The error a server sent. The server's own hint wins: it may be newer than this client. */
export function problemToError(status: number, body: string, label: string): BerthError {
  const problem = readProblem(body);
  if (!problem) return new BerthError(codeOfStatus(status), `${label} answered with status ${status}`);
  return errorOfProblem({ status, ...problem });
}

/** As `problemToError`, for a problem inside a stream. */
export function errorOfProblem(problem: Problem): BerthError {
  const known = problem.code !== undefined && Object.hasOwn(ERRORS, problem.code);
  const code = known ? (problem.code as ErrorCode) : codeOfStatus(problem.status ?? 500);
  const field = problem.errors?.[0]?.field;
  return new BerthError(code, problem.detail ?? problem.title ?? code, {
    ...(field === undefined ? {} : { field }),
    details: { ...(problem.hint === undefined ? {} : { hint: problem.hint }), ...(problem.errors ? { errors: problem.errors } : {}) },
  });
}

function readProblem(body: string): Problem | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Problem) : null;
  } catch {
    // Not JSON: a proxy or another program answered; the caller reports the status.
    return null;
  }
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "route_not_found";
  if (status === 409) return "conflict";
  if (status === 413) return "payload_too_large";
  if (status === 429) return "rate_limited";
  if (status === 502 || status === 503 || status === 504) return "control_plane_unavailable";
  return status < 500 ? "invalid_request" : "internal";
}
