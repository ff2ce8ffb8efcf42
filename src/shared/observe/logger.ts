import { destination, type Logger as PinoLogger, pino, stdSerializers, stdTimeFunctions } from "pino";
import { BerthError } from "../domain/index.ts";
import { humanLine } from "./human-line.ts";

/** `logger.info({ job: "7" }, "job submitted")`; `logger.child({ room: "scheduler" })`. */
export type Logger = PinoLogger;

export interface LoggerOptions {
  /** Which process speaks: "control-plane", "agent". */
  name: string;
  /** Default: info. */
  level?: string;
  /** Appended to; default is standard error. */
  file?: string;
  /** One line for people instead of JSON; default: standard error is a terminal. */
  human?: boolean;
  /** Where lines go instead of file or standard error (tests). */
  sink?: { write(line: string): void };
}

/** Where a credential may sit in a logged object. Spec environments are never logged whole: users keep API keys there. */
const SECRET_NAMES = ["token", "credential", "password", "secret", "authorization", "cookie", "adminToken"];
const REDACTED = [
  ...SECRET_NAMES,
  ...SECRET_NAMES.map((name) => `*.${name}`),
  ...SECRET_NAMES.map((name) => `*.*.${name}`),
  "env",
  "*.env",
  "*.*.env",
  'headers["idempotency-key"]',
];

/**
 * A logger of its own for each process: JSON, one object a line, ISO time, on standard error (standard output is data).
 * Writes are synchronous, so that the last line before a crash is there.
 */
export function createLogger(options: LoggerOptions): Logger {
  const human = options.human ?? (options.file === undefined && options.sink === undefined && process.stderr.isTTY === true);
  const raw = options.sink ?? openDestination(options.file ?? 2);
  const sink = human ? { write: (line: string) => raw.write(humanLine(line)) } : raw;
  return pino(
    {
      name: options.name,
      level: options.level ?? "info",
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: "[redacted]" },
      serializers: { err: serializeError, error: serializeError },
    },
    sink,
  );
}

/** Lines that wait for a full disk; further ones are dropped. */
const MAX_WAITING_CHARACTERS = 64 * 1024;

/** A full disk must not end who logs: without a listener pino throws out of whatever line was just being logged. */
function openDestination(dest: string | number) {
  const stream = destination({ dest, sync: true, mkdir: true, maxLength: MAX_WAITING_CHARACTERS });
  stream.on("error", () => undefined);
  return stream;
}

/** For tests and tools that want no log. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}

/** A URL fit for a log line: user and password replaced. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@");
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const plain = stdSerializers.err(error);
  return error instanceof BerthError ? { ...plain, code: error.code, field: error.field } : plain;
}
