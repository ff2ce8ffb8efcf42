import { readFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError, errorText } from "../../shared/domain/index.ts";

const ConfigSchema = Type.Object(
  {
    /** Default: none on loopback, token elsewhere. */
    auth: Type.Optional(Type.Union([Type.Literal("none"), Type.Literal("token")])),
    /** With auth "token": anybody may pull. */
    anonymousPull: Type.Optional(Type.Boolean()),
    mode: Type.Optional(Type.Union([Type.Literal("read-write"), Type.Literal("push-disabled"), Type.Literal("read-only")])),
    /** False answers every delete with 405. */
    delete: Type.Optional(Type.Boolean()),
    /** What clients reach the server by, for the address of the token service. Default: the Host they ask for. */
    publicUrl: Type.Optional(Type.String({ pattern: "^https?://[A-Za-z0-9.:\\[\\]-]{1,255}$" })),
    /** The Berth API that knows its tokens; with it they are passwords of the user "berth". */
    apiUrl: Type.Optional(Type.String({ pattern: "^https?://[A-Za-z0-9.:\\[\\]-]{1,255}$" })),
    /** PEM file of the CA of an https apiUrl. */
    apiCa: Type.Optional(Type.String()),
    /** PEM files. With clientCa only clients with a certificate of it are talked to. */
    tls: Type.Optional(
      Type.Object({ cert: Type.String(), key: Type.String(), clientCa: Type.Optional(Type.String()) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);

/** registry/config.json. */
export type RegistryConfig = Static<typeof ConfigSchema>;

/** @throws BerthError invalid_request when the file is not as documented: a typo must not open a registry */
export async function readRegistryConfig(path: string): Promise<RegistryConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "{}";
    throw error;
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid_request", `${path} is not JSON: ${errorText(error)}`);
  }
  const [problem] = Value.Errors(ConfigSchema, value);
  if (problem !== undefined || !Value.Check(ConfigSchema, value)) {
    throw new BerthError("invalid_request", `${path}: ${problem?.instancePath || "/"} ${problem?.message ?? "is not valid"}`);
  }
  return value;
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
