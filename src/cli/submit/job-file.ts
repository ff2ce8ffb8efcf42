import { type Document, isMap, isScalar, LineCounter, parseAllDocuments } from "yaml";
import { BerthError } from "../../shared/domain/index.ts";
import type { JobSpecInput } from "../../shared/wire/index.ts";

const LARGEST_FILE_CHARACTERS = 8 * 1024 * 1024;

/** One job of a file. */
export interface JobDocument {
  spec: JobSpecInput;
  /** "job.yaml:7" for a JSON pointer into the spec, or the document's first line when the pointer leads nowhere. */
  locate(pointer: string | undefined): string;
}

/**
 * The jobs of a YAML or JSON text, one a document. `sets` are "resources.gpus=2" assignments applied to each.
 * @throws BerthError invalid_job_spec with file and line
 */
export function readJobFile(text: string, file: string, sets: readonly string[]): JobDocument[] {
  if (text.length > LARGEST_FILE_CHARACTERS)
    throw new BerthError("payload_too_large", `${file} is larger than ${LARGEST_FILE_CHARACTERS} characters`);
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, version: "1.2" });
  const documents = (Array.isArray(parsed) ? parsed : []).filter((document) => !isEmpty(document) || document.errors.length > 0);
  if (documents.length === 0) throw new BerthError("invalid_job_spec", `${file} holds no job`);
  return documents.map((document) => readDocument(document, file, lines, sets));
}

function readDocument(document: Document.Parsed, file: string, lines: LineCounter, sets: readonly string[]): JobDocument {
  const lineAt = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`;
  const broken = document.errors[0];
  if (broken) throw new BerthError("invalid_job_spec", `${lineAt(broken.pos[0])}: ${firstLine(broken.message)}`, { cause: broken });
  const start = document.contents?.range?.[0];
  if (!isMap(document.contents)) throw new BerthError("invalid_job_spec", `${lineAt(start)}: a job must be a mapping of fields`);
  for (const set of sets) applySet(document, set);
  return { spec: document.toJS({ maxAliasCount: 100 }) as JobSpecInput, locate: (pointer) => lineAt(offsetOf(document, pointer) ?? start) };
}

function isEmpty(document: Document.Parsed): boolean {
  return document.contents === null || (isScalar(document.contents) && document.contents.value === null);
}

/** Where the deepest part of the pointer that exists is written: its key, or the item of a list. */
function offsetOf(document: Document.Parsed, pointer: string | undefined): number | undefined {
  const path = (pointer ?? "")
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const name = path[length - 1];
    const key = isMap(parent) ? parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name)?.key : undefined;
    const node = (key ?? document.getIn(path.slice(0, length), true)) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return undefined;
}

/** "resources.gpus=2": the value is read as YAML, so 2 is a number and "2" a text. */
function applySet(document: Document.Parsed, set: string): void {
  const split = set.indexOf("=");
  const path = set.slice(0, Math.max(0, split)).split(".");
  if (split < 0 || path.some((part) => part === "")) {
    throw new BerthError("invalid_request", `${JSON.stringify(set)} is not an assignment; write it like resources.gpus=2`, {
      field: "--set",
    });
  }
  const value = parseAllDocuments(set.slice(split + 1));
  const first = Array.isArray(value) ? value[0] : undefined;
  if (first && first.errors.length > 0)
    throw new BerthError("invalid_request", `the value of --set ${set} is not YAML`, { field: "--set" });
  document.setIn(path, first ? first.toJS() : "");
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")[0]
      ?.replace(/ at line.*$/, "")
      .toLowerCase() ?? text
  );
}
