const FRAME = new Set(["level", "time", "pid", "name", "msg", "err", "hostname"]);

/**
 * A JSON log line as people read it: "19:04:11 WARN  control-plane: redis is not reachable  attempt=3".
 * Every control character is escaped: log text comes from users and could otherwise drive the reader's terminal.
 */
export function humanLine(json: string): string {
  const entry = parse(json);
  if (!entry) return json;
  const time = String(entry.time ?? "").slice(11, 19);
  const level = String(entry.level ?? "")
    .toUpperCase()
    .padEnd(5);
  const fields = Object.entries(entry)
    .filter(([name]) => !FRAME.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const parts = [`${time} ${level} ${entry.name}: ${entry.msg ?? ""}`, ...fields, ...errorLines(entry.err, entry.level)];
  return `${parts.map(escapeControls).join("  ")}\n`;
}

function parse(json: string): Record<string, unknown> | null {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    // A line that pino did not write is shown as it is.
    return null;
  }
}

function errorLines(error: unknown, level: unknown): string[] {
  if (typeof error !== "object" || error === null) return [];
  const { message, code, stack } = error as { message?: string; code?: string; stack?: string };
  const head = `(${code ? `${code}: ` : ""}${message})`;
  return level === "error" || level === "fatal" ? [head, `stack=${stack}`] : [head];
}

function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
