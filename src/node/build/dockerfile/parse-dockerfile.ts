import { DockerfileParser, type ModifiableInstruction, type Instruction as ParsedInstruction } from "dockerfile-ast";
import { buildError, instructionError } from "../build-error.ts";

/** One instruction as written, continuation lines joined; nothing is expanded yet. */
export interface Instruction {
  /** 1-based. */
  line: number;
  /** Upper case. */
  keyword: string;
  /** "--from=base" -> from: "base". */
  flags: ReadonlyMap<string, string>;
  /** What follows keyword and flags. */
  text: string;
  /** The body of "RUN <<EOF". */
  heredoc: string | null;
  /** The character that continues lines and escapes: "\" or "`". */
  escapeChar: string;
}

const MAX_DOCKERFILE_BYTES = 1024 * 1024;

/** @throws BerthError build_failed */
export function parseDockerfile(text: string): Instruction[] {
  if (Buffer.byteLength(text) > MAX_DOCKERFILE_BYTES) throw buildError("the Dockerfile is larger than 1 MiB");
  const dockerfile = DockerfileParser.parse(text.replace(/^\uFEFF/, ""));
  const escapeChar = dockerfile.getEscapeCharacter();
  const instructions = dockerfile.getInstructions().map((parsed) => toInstruction(parsed, escapeChar));
  if (instructions.length === 0) throw buildError("the Dockerfile has no instructions");
  return instructions;
}

function toInstruction(parsed: ParsedInstruction, escapeChar: string): Instruction {
  const base = {
    line: (parsed.getRange()?.start.line ?? 0) + 1,
    keyword: parsed.getKeyword().toUpperCase(),
    flags: flagsOf(parsed),
    escapeChar,
  };
  const raw = parsed.getRawArgumentsContent() ?? "";
  const heredoc = /^<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)\2[ \t]*\r?\n/.exec(raw);
  if (heredoc !== null && base.keyword === "RUN")
    return { ...base, text: raw.slice(0, heredoc[0].length).trim(), heredoc: heredocBody(raw, heredoc) };
  if (/(^|\s)<<-?["']?[A-Za-z_]/.test(raw) && /^(?:COPY|ADD)$/.test(base.keyword))
    throw instructionError(base, "here-documents are supported in RUN only");
  return { ...base, text: joinLines(raw, escapeChar), heredoc: null };
}

function flagsOf(parsed: ParsedInstruction): Map<string, string> {
  const flags = "getFlags" in parsed ? (parsed as ModifiableInstruction).getFlags() : [];
  return new Map(flags.map((flag) => [flag.getName(), flag.getValue() ?? ""]));
}

function heredocBody(raw: string, start: RegExpExecArray): string {
  const lines = raw.slice(start[0].length).split(/\r?\n/);
  const stripTabs = start[1] === "-";
  const body = lines.map((line) => (stripTabs ? line.replace(/^\t+/, "") : line));
  const end = body.indexOf(start[3] as string);
  return `${body.slice(0, end < 0 ? body.length : end).join("\n")}\n`;
}

/** Continuations vanish, and comment and empty lines inside them, as the Dockerfile reference says. */
function joinLines(raw: string, escapeChar: string): string {
  const lines = raw.split(/\r?\n/).filter((line, index) => index === 0 || !(/^\s*#/.test(line) || line.trim() === ""));
  return lines
    .map((line) => {
      const trimmed = line.replace(/[ \t]+$/, "");
      return trimmed.endsWith(escapeChar) ? trimmed.slice(0, -1) : line;
    })
    .join("")
    .trim();
}
