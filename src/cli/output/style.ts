export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan" | "magenta";

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };

/** `text` in a style, or as it is when `enabled` is false. */
export function paint(text: string, style: Style | null, enabled: boolean): string {
  return enabled && style !== null ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

/** Text without what moves a cursor, sets a title or turns the direction of writing; blanks stand in for it. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
}

/**
 * What a terminal may be shown of text that others wrote: a job's name or message must not forge a line of a table.
 */
export function printable(text: string): string {
  return withoutControls(text).trim();
}
