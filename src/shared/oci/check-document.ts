import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { BerthError, errorText } from "../domain/index.ts";

/**
 * Parses JSON and checks it against a schema; members the schema does not know are let through.
 * @throws BerthError image_invalid naming the document and the place
 */
export function checkDocument<T extends TSchema>(
  schema: T,
  bytes: Uint8Array,
  what: string,
  rules: { forbidden: readonly string[] } = { forbidden: [] },
): Static<T> {
  const value = parseJson(bytes, what);
  const [problem] = Value.Errors(schema, value);
  if (problem !== undefined) throw invalidDocument(what, `${problem.instancePath || "/"} ${problem.message}`);
  const forbidden = rules.forbidden.find((key) => Object.hasOwn(value as object, key));
  if (forbidden !== undefined) throw invalidDocument(what, `it must not have a member ${JSON.stringify(forbidden)}`);
  return value as Static<T>;
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidDocument(what, `it is not JSON: ${errorText(error)}`);
  }
}

/** image_invalid; `what` is the document: "manifest", "config". */
export function invalidDocument(what: string, why: string): BerthError {
  return new BerthError("image_invalid", `the ${what} is not valid: ${why}`);
}
