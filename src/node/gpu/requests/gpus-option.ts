import { boundedValue, invalid, quoted } from "../../../shared/gpu-requirements/index.ts";
import { choiceOf, type DeviceChoice } from "./device-choice.ts";
import { CAPABILITY_WORDS, type CapabilityWord, isCapabilityWord } from "./driver-capabilities.ts";

export interface GpusOption {
  choice: DeviceChoice;
  /** Null when the option names none: then NVIDIA_DRIVER_CAPABILITIES decides. */
  capabilities: CapabilityWord[] | null;
}

/** Docker puts these on every request; they say only that it is about a GPU. */
const KIND_WORDS = new Set(["gpu", "nvidia"]);
const KEYS = new Set(["count", "device", "capabilities", "driver"]);
const MOST_GPUS = 65_536;

/**
 * The value of `--gpus` in Docker's syntax: one line of CSV whose fields are N, all, count=N, device=LIST, capabilities=LIST,
 * driver=nvidia. A list of several needs the CSV quotes: `--gpus '"device=0,1"'`.
 * @throws BerthError gpu_request_invalid
 */
export function parseGpusOption(value: string): GpusOption {
  const fields = fieldsOf(boundedValue("--gpus", value.trim()));
  if (fields.has("count") && fields.has("device")) throw invalid(countAndDevice(value, fields));
  const driver = fields.get("driver");
  if (driver !== undefined && driver !== "nvidia")
    throw invalid(`--gpus ${quoted(value)}: there is no driver ${quoted(driver)}, only nvidia`);
  const device = fields.get("device");
  return {
    choice: device === undefined ? counted(fields.get("count") ?? "1") : named(device),
    capabilities: capabilitiesOf(fields.get("capabilities")),
  };
}

function fieldsOf(value: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of csvFields(value)) {
    const [key, text] = keyAndText(field);
    if (!KEYS.has(key)) throw invalid(`--gpus ${quoted(value)}: there is no key ${quoted(key)}; there are ${[...KEYS].join(", ")}`);
    if (fields.has(key)) throw invalid(twice(value, key, text, fields));
    fields.set(key, text);
  }
  return fields;
}

/** A field without "=" is a count. */
function keyAndText(field: string): [string, string] {
  const equals = field.indexOf("=");
  return equals < 0 ? ["count", field.trim()] : [field.slice(0, equals).trim(), field.slice(equals + 1)];
}

/** RFC 4180, one record. */
function csvFields(value: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= value.length; ) {
    const end = value[at] === '"' ? endOfQuoted(value, at) : endOfPlain(value, at);
    fields.push(value[at] === '"' ? value.slice(at + 1, end - 1).replaceAll('""', '"') : value.slice(at, end));
    at = end + 1;
  }
  return fields;
}

function endOfPlain(value: string, from: number): number {
  const comma = value.indexOf(",", from);
  const end = comma < 0 ? value.length : comma;
  if (value.slice(from, end).includes('"')) throw invalid(`--gpus ${quoted(value)}: a quote stands inside a field`);
  return end;
}

function endOfQuoted(value: string, from: number): number {
  let at = from + 1;
  while (at < value.length && !(value[at] === '"' && value[at + 1] !== '"')) at += value[at] === '"' ? 2 : 1;
  if (at >= value.length) throw invalid(`--gpus ${quoted(value)}: a quote is not closed`);
  if (at + 1 < value.length && value[at + 1] !== ",") throw invalid(`--gpus ${quoted(value)}: text follows a closing quote`);
  return at + 1;
}

function counted(text: string): DeviceChoice {
  if (text.toLowerCase() === "all" || text === "-1") return { kind: "all" };
  if (!/^\d{1,6}$/.test(text) || Number(text) > MOST_GPUS) throw invalid(`--gpus: ${quoted(text)} is neither a number nor "all"`);
  return Number(text) === 0 ? { kind: "void" } : { kind: "count", count: Number(text) };
}

function named(text: string): DeviceChoice {
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length === 0) throw invalid(`--gpus: "device=" names no device`);
  return choiceOf(items);
}

function capabilitiesOf(text: string | undefined): CapabilityWord[] | null {
  const words = (text ?? "")
    .split(",")
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== "" && !KIND_WORDS.has(word));
  const unknown = words.find((word) => word !== "all" && !isCapabilityWord(word));
  if (unknown !== undefined) throw invalid(`--gpus: ${quoted(unknown)} is no capability; there are ${CAPABILITY_WORDS.join(", ")}, all`);
  if (words.length === 0) return null;
  return CAPABILITY_WORDS.filter((word) => words.includes("all") || words.includes(word));
}

/** The shell takes the quotes of --gpus "device=0,1" away, and what is left is a device and a count: never meant. */
function countAndDevice(value: string, fields: ReadonlyMap<string, string>): string {
  const meant = `device=${fields.get("device")},${fields.get("count")}`;
  return `--gpus ${value.slice(0, 200)}: it gives a count and devices; for several devices write --gpus '"${meant.slice(0, 200)}"', with both quotes`;
}

function twice(value: string, key: string, text: string, fields: ReadonlyMap<string, string>): string {
  if (key === "count" && fields.has("device"))
    return countAndDevice(value, new Map([...fields, ["count", `${fields.get("count")},${text}`]]));
  return `--gpus ${quoted(value)}: ${key} is given twice`;
}
