import { parseAllDocuments } from "yaml";
import { BerthError, errorText } from "../../../shared/domain/index.ts";

/** How often aliases may be used: enough for a spec that repeats itself, too few for "a billion laughs". */
const ALIASES = 32;
const POISONED = new Set(["__proto__", "constructor", "prototype"]);

/**
 * One YAML 1.2 document (core schema: no dates, no "yes" as true, no custom tags) as plain data.
 * @throws BerthError invalid_job_spec with line and column
 */
export function parseYamlBody(text: string): unknown {
  const value = guarded(() => readDocument(text));
  refusePoisoned(value, "", new Set());
  return value;
}

function readDocument(text: string): unknown {
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: true,
    prettyErrors: true,
    logLevel: "silent",
  });
  if (!Array.isArray(documents)) throw new Error("the document is empty");
  const [document, second] = documents;
  if (!document) throw new Error("the document is empty");
  if (second) throw new Error("more than one document; submit one job at a time");
  // An unknown tag is only a warning to the parser; here it is somebody expecting something that will not happen.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw problem;
  return document.toJS({ maxAliasCount: ALIASES });
}

/** Deep nesting ends in a RangeError of the parser's own recursion: it is the text's fault as much as a syntax error. */
function guarded(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    const [line = ""] = errorText(error).split("\n");
    throw new BerthError("invalid_job_spec", `cannot read the YAML: ${error instanceof RangeError ? "nested too deep" : line}`, {
      cause: error,
    });
  }
}

/** The same names that the JSON parser refuses. Aliases make one object appear many times: each is looked at once. */
function refusePoisoned(value: unknown, pointer: string, seen: Set<object>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  for (const [name, member] of Object.entries(value)) {
    const here = `${pointer}/${name}`;
    if (POISONED.has(name)) throw new BerthError("invalid_job_spec", `${here}: this name is not allowed`, { field: here });
    refusePoisoned(member, here, seen);
  }
}
