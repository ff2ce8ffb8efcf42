import { Ajv, type AnySchema, type ValidateFunction } from "ajv";
import type { FastifySchemaCompiler } from "fastify";

/**
 * Two validators. Bodies: nothing is coerced, removed or filled in, so what is stored is what was checked. Query strings,
 * path parameters and headers are text, so there "5" may be a number.
 */
export function createValidatorCompiler(shared: AnySchema[]): FastifySchemaCompiler<AnySchema> {
  const common = {
    allErrors: true,
    verbose: true,
    removeAdditional: false,
    strict: true,
    strictTypes: false,
    allowUnionTypes: true,
  } as const;
  const bodies = new Ajv({ ...common, coerceTypes: false, useDefaults: false, schemas: shared });
  const texts = new Ajv({ ...common, coerceTypes: "array", useDefaults: false, schemas: shared });
  return ({ schema, httpPart }) => {
    const validate = compile(httpPart === "body" ? bodies : texts, schema);
    return (data: unknown) =>
      validate(data)
        ? { value: data }
        : { error: Object.assign(new Error("invalid"), { validation: validate.errors ?? [], validationContext: httpPart }) };
  };
}

function compile(ajv: Ajv, schema: AnySchema): ValidateFunction {
  const id = typeof schema === "object" && typeof schema.$id === "string" ? schema.$id : null;
  return (id === null ? undefined : ajv.getSchema(id)) ?? ajv.compile(schema);
}
