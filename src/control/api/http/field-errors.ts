/** The parts of an Ajv error that are used (Ajv runs with verbose: true). */
export interface SchemaError {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
  message?: string | undefined;
  /** The value that does not fit. */
  data?: unknown;
  parentSchema?: { properties?: Record<string, unknown>; anyOf?: Branch[]; description?: string } | undefined;
}

interface Branch {
  type?: string;
  const?: unknown;
  minimum?: number;
  maximum?: number;
}

export interface FieldError {
  /** JSON pointer into the body; "/query/limit", "/params/id", "/headers/..." elsewhere. */
  field: string;
  message: string;
}

const MOST = 32;

/** Ajv's errors in words, one for each field. */
export function fieldErrors(errors: SchemaError[], context: string): FieldError[] {
  const root = context === "body" ? "" : `/${context === "querystring" ? "query" : context}`;
  const unions = errors.filter((error) => error.keyword === "anyOf").map((error) => error.instancePath);
  // Every branch of a union complains; what the union itself says is enough.
  const telling = errors.filter((error) => error.keyword === "anyOf" || !unions.includes(error.instancePath));
  const byField = new Map<string, FieldError>();
  for (const error of telling) {
    const field = (root + error.instancePath + named(error)).slice(0, 512) || "/";
    if (!byField.has(field)) byField.set(field, { field, message: messageOf(error) });
    if (byField.size === MOST) break;
  }
  return [...byField.values()];
}

/** The name a pointer lacks because the error is about a missing or surplus member. */
function named(error: SchemaError): string {
  const name = error.params.additionalProperty ?? error.params.missingProperty ?? error.params.propertyName;
  return typeof name === "string" ? `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` : "";
}

function messageOf(error: SchemaError): string {
  const { params } = error;
  switch (error.keyword) {
    case "additionalProperties":
      return surplus(error);
    case "required":
      return "is required";
    case "anyOf":
      return union(error);
    case "minimum":
      return `must be at least ${params.limit}`;
    case "maximum":
      return `must be at most ${params.limit}`;
    case "minLength":
    case "minItems":
      return params.limit === 1 ? "must not be empty" : (error.message ?? "is too short");
    case "pattern":
      return pattern(error);
    case "type":
      return `must be ${article(String(params.type))}`;
    default:
      return error.message ?? "is not valid";
  }
}

/** What the field wants, in its own words: a regular expression says it to few. */
function pattern({ data, message, parentSchema }: SchemaError): string {
  const form = parentSchema?.description;
  if (form === undefined || typeof data !== "string") return message ?? "is not valid";
  return `${JSON.stringify(data.slice(0, 64))} does not fit: ${form}`;
}

function surplus(error: SchemaError): string {
  const known = Object.keys(error.parentSchema?.properties ?? {});
  const close = known.find((name) => isClose(name, String(error.params.additionalProperty)));
  if (known.length === 0) return "is not a valid name here";
  return close ? `is not known; did you mean ${close}?` : `is not known; there are ${[...known].sort().join(", ")}`;
}

function union(error: SchemaError): string {
  const branches = error.parentSchema?.anyOf ?? [];
  const meant = typeof error.data === "number" ? branches.find(({ type }) => type === "integer" || type === "number") : undefined;
  if (Number.isInteger(error.data) && meant?.minimum !== undefined)
    return meant.maximum === undefined ? `must be at least ${meant.minimum}` : `must be ${meant.minimum} to ${meant.maximum}`;
  const literals = branches.flatMap(({ const: value }) => (value === undefined ? [] : [JSON.stringify(value)]));
  if (literals.length === branches.length && literals.length > 0) return `must be one of ${literals.join(", ")}`;
  const types = branches.flatMap(({ type }) => (type === undefined ? [] : [article(type)]));
  return types.length > 0 ? `must be ${[...new Set(types)].join(" or ")} within its limits` : "does not fit";
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** Two names are close when one edit, or letter case and punctuation, makes them equal. */
function isClose(known: string, written: string): boolean {
  if (written.length > 64) return false;
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  const [one, other] = [plain(known), plain(written)];
  return one === other || (one.length > 3 && distanceAtMostOne(one, other));
}

function distanceAtMostOne(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1) return false;
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  const [restOne, restOther] = [one.slice(at), other.slice(at)];
  return restOne.slice(1) === restOther.slice(1) || restOne.slice(1) === restOther || restOne === restOther.slice(1);
}
