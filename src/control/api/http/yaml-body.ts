import { type Document, isMap, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { refuseHostileYaml } from "./yaml-bounds.ts";

/** How often aliases may be used: enough for a spec that repeats itself, too few for "a billion laughs". */
const ALIASES = 32;
const POISONED = new Set(["__proto__", "constructor", "prototype"]);

/**
 * One YAML 1.2 document (core schema: no dates, no "yes" as true, no custom tags) as plain data.
 * @throws BerthError invalid_job_spec with line and column
 */
export function parseYamlBody(text: string): unknown {
  const lines = new LineCounter();
  try {
    refuseHostileYaml(text);
    return readDocument(text, lines).toJS({ maxAliasCount: ALIASES });
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError("invalid_job_spec", `cannot read the YAML: ${errorText(error)}${placeOf(error, lines)}`, { cause: error });
  }
}

/** uniqueKeys and prettyErrors are quadratic: the first is done below, of the second only the position is wanted. */
function readDocument(text: string, lineCounter: LineCounter): Document.Parsed {
  const options = {
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
    lineCounter,
  } as const;
  const documents = parseAllDocuments(text, options);
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (!document) throw new Error("the document is empty");
  if (second) throw new Error("more than one document; submit one job at a time");
  // An unknown tag is only a warning to the parser; here it is somebody expecting something that will not happen.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw problem;
  refuseKeys(document);
  return document;
}

function placeOf(error: unknown, lines: LineCounter): string {
  const [offset] = (error as { pos?: [number, number] }).pos ?? [];
  if (offset === undefined) return "";
  const { line, col } = lines.linePos(offset);
  return ` (line ${line}, column ${col})`;
}

/** Keys given twice, and the names that the JSON parser refuses too. */
function refuseKeys(document: Document.Parsed): void {
  visit(document, (_key, node) => {
    if (!isMap(node)) return;
    const names = new Set<string>();
    for (const { key } of node.items) {
      if (!isScalar(key)) throw new Error("a key must be plain text");
      const name = String(key.value);
      if (POISONED.has(name)) throw new BerthError("invalid_job_spec", `the name ${name} is not allowed`);
      if (names.has(name)) throw new Error(`${JSON.stringify(name)} is given twice`);
      names.add(name);
    }
  });
}
