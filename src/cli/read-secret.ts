import { BerthError } from "../shared/domain/index.ts";
import type { CliIo } from "./cli-io.ts";

interface Terminal {
  isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

/** Asks on the terminal for a line; without `echo` nothing of it is shown. @throws BerthError invalid_request without a terminal */
export async function readSecret(io: CliIo, prompt: string, { echo }: { echo: boolean }): Promise<string> {
  const terminal = io.stdin as typeof io.stdin & Terminal;
  if (!terminal.isTTY)
    throw new BerthError("invalid_request", "there is no terminal to ask for the credentials", {
      details: { hint: "give --username, and the password by --password-stdin" },
    });
  io.stderr.write(prompt);
  if (!echo) terminal.setRawMode?.(true);
  try {
    return await readLine(io, terminal);
  } finally {
    if (!echo) terminal.setRawMode?.(false);
    if (!echo) io.stderr.write("\n");
    terminal.pause();
  }
}

const BACKSPACE = new Set(["\u007f", "\b"]);

async function readLine(
  io: CliIo,
  input: AsyncIterable<unknown> & { iterator?(options: { destroyOnReturn: boolean }): AsyncIterable<unknown> },
) {
  let line = "";
  for await (const chunk of input.iterator?.({ destroyOnReturn: false }) ?? input) {
    for (const character of String(chunk)) {
      if (character === "\r" || character === "\n") return line;
      if (character === "\u0003") throw new BerthError("invalid_request", "interrupted");
      line = BACKSPACE.has(character) ? line.slice(0, -1) : line + character;
    }
  }
  io.stderr.write("\n");
  return line;
}
