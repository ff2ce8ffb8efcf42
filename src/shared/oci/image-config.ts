import { type Static, Type } from "typebox";
import { DIGEST_PATTERN } from "../domain/index.ts";
import { checkDocument } from "./check-document.ts";
import { MAX_LAYERS } from "./manifest.ts";

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
const Strings = Type.Array(Type.String());
const Flags = Type.Record(Type.String(), Type.Unknown());

// Docker writes null where the OCI spec leaves a member out.
const ImageConfigSchema = Type.Object({
  created: nullable(Type.String()),
  architecture: Type.String(),
  os: Type.String(),
  config: nullable(
    Type.Object({
      User: nullable(Type.String()),
      Env: nullable(Strings),
      Entrypoint: nullable(Strings),
      Cmd: nullable(Strings),
      WorkingDir: nullable(Type.String()),
      Labels: nullable(Type.Record(Type.String(), Type.String())),
      ExposedPorts: nullable(Flags),
      Volumes: nullable(Flags),
      StopSignal: nullable(Type.String()),
      Shell: nullable(Strings),
    }),
  ),
  rootfs: Type.Object({
    type: Type.Literal("layers"),
    diff_ids: Type.Array(Type.String({ pattern: DIGEST_PATTERN }), { maxItems: MAX_LAYERS }),
  }),
  history: nullable(
    Type.Array(
      Type.Object({
        created: nullable(Type.String()),
        created_by: nullable(Type.String()),
        author: nullable(Type.String()),
        comment: nullable(Type.String()),
        empty_layer: nullable(Type.Boolean()),
      }),
    ),
  ),
});

/** OCI image config, the parts Berth reads and writes (image-spec config.md). */
export interface ImageConfig {
  created?: string;
  architecture: string;
  os: string;
  config: {
    User?: string;
    Env?: string[];
    Entrypoint?: string[];
    Cmd?: string[];
    WorkingDir?: string;
    Labels?: Record<string, string>;
    ExposedPorts?: Record<string, Record<string, never>>;
    Volumes?: Record<string, Record<string, never>>;
    StopSignal?: string;
    /** Docker's extension: the shell of RUN's shell form. */
    Shell?: string[];
  };
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: { created?: string; created_by?: string; author?: string; comment?: string; empty_layer?: boolean }[];
}

/**
 * Reads an image config; nulls are left out, members Berth does not know are dropped.
 * @throws BerthError image_invalid
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const raw = checkDocument(ImageConfigSchema, bytes, "image config");
  return pickKnown(raw);
}

function pickKnown(raw: Static<typeof ImageConfigSchema>): ImageConfig {
  const { created, architecture, os, config, rootfs, history } = raw;
  const { User, Env, Entrypoint, Cmd, WorkingDir, Labels, ExposedPorts, Volumes, StopSignal, Shell } = config ?? {};
  return withoutNulls({
    created,
    architecture,
    os,
    config: withoutNulls({
      User,
      Env,
      Entrypoint,
      Cmd,
      WorkingDir,
      Labels,
      ExposedPorts: flags(ExposedPorts),
      Volumes: flags(Volumes),
      StopSignal,
      Shell,
    }),
    rootfs: { type: rootfs.type, diff_ids: rootfs.diff_ids },
    history: history?.map((entry) =>
      withoutNulls({
        created: entry.created,
        created_by: entry.created_by,
        author: entry.author,
        comment: entry.comment,
        empty_layer: entry.empty_layer,
      }),
    ),
  }) as ImageConfig;
}

function flags(set: Record<string, unknown> | null | undefined): Record<string, Record<string, never>> | undefined {
  return set == null ? undefined : Object.fromEntries(Object.keys(set).map((key) => [key, {}]));
}

function withoutNulls(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, member]) => member !== null && member !== undefined));
}
