import { BerthError, errorText } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { paint, printable } from "./style.ts";

/** `error:`, the fields that are wrong, and `hint:` on stderr. */
export function printError(io: CliIo, error: unknown): void {
  const red = paint("error:", "red", io.colour.stderr);
  io.stderr.write(`${red} ${multiline(errorText(error))}\n`);
  if (!(error instanceof BerthError)) {
    if (error instanceof Error && io.env["BERTH_DEBUG"]) io.stderr.write(`${error.stack}\n`);
    return;
  }
  for (const line of fieldLines(error)) io.stderr.write(`${line}\n`);
  const hint = error.details?.["hint"] ?? error.hint;
  if (hint) io.stderr.write(`${paint("hint:", "cyan", io.colour.stderr)} ${multiline(String(hint))}\n`);
}

/** "  /resources/gpus: must be >= 0", for fields the message does not already name. */
function fieldLines(error: BerthError): string[] {
  const listed = error.details?.["errors"];
  const fields = Array.isArray(listed) ? (listed as { field?: unknown; message?: unknown }[]) : [];
  const lines = fields
    .map(({ field, message }) => `${printable(String(field ?? ""))}: ${printable(String(message ?? ""))}`)
    .filter((line) => !error.message.includes(line));
  if (lines.length > 0) return lines.map((line) => `  field ${line}`);
  return error.field !== undefined && !error.message.includes(error.field) ? [`  field ${printable(error.field)}`] : [];
}

function multiline(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
