import { BerthError } from "../domain/index.ts";

/** Longest environment value or option read here: NVIDIA's own images come to 3000 characters of requirements. */
export const LONGEST_VALUE = 16_384;
/** Most devices one list may name; no machine has more GPUs, MIG devices or IMEX channels to hand to one container. */
export const MOST_ITEMS = 1024;

/**
 * A value that a parser may look at; its length bounds the parser's time.
 * @throws BerthError gpu_request_invalid
 */
export function boundedValue(name: string, value: string): string {
  if (value.length > LONGEST_VALUE) {
    throw invalid(`${name} has ${value.length} characters; at most ${LONGEST_VALUE} are read`);
  }
  return value;
}

/** "0, 1,,2" -> ["0", "1", "2"]. @throws BerthError gpu_request_invalid */
export function listItems(name: string, value: string): string[] {
  const items = boundedValue(name, value)
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length > MOST_ITEMS) throw invalid(`${name} names ${items.length} entries; at most ${MOST_ITEMS} are read`);
  return items;
}

/** gpu_request_invalid, for every parser of this room. */
export function invalid(message: string): BerthError {
  return new BerthError("gpu_request_invalid", message);
}

/** Text of others in a message: quoted, control characters shown, cut after 200 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
