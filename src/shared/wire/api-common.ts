import { Type } from "typebox";

/** In JSON the member is there and null; a member that may be absent is Type.Optional. */
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
export const Milliseconds = Type.Number({ description: "milliseconds since the Unix epoch" });
