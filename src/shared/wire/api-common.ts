import { Type } from "typebox";

export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
export const Milliseconds = Type.Number({ description: "milliseconds since the Unix epoch" });
