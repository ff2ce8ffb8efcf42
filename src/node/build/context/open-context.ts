import { mkdir } from "node:fs/promises";
import { errorText, isBerthError } from "../../../shared/domain/index.ts";
import { extractTree } from "../../images/index.ts";
import type { Native, NativeRoot } from "../../platform/index.ts";
import { buildError } from "../build-error.ts";
import { readSmallFile } from "../files/read-small-file.ts";
import { type Ignore, parseDockerignore } from "./dockerignore.ts";

/** The build context, unpacked. Nothing can be read outside it. */
export interface Context {
  root: NativeRoot;
  dockerfile: string;
  ignored: Ignore;
}

/**
 * Unpacks the context tar into `folder` and reads the Dockerfile at `path` in it, and its ignore file
 * (<path>.dockerignore, else .dockerignore).
 * @throws BerthError build_failed, insufficient_storage
 */
export async function openContext(options: {
  tar: AsyncIterable<Uint8Array>;
  folder: string;
  path: string;
  native: Native;
  signal: AbortSignal;
}): Promise<Context> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const root = await options.native.openRoot(options.folder);
  try {
    await extractTree(options.native, options.tar, root, options.signal);
    const dockerfile = await readSmallFile(root, options.path);
    if (dockerfile === null) throw buildError(`the context has no file ${JSON.stringify(options.path)}`);
    const ignore = (await readSmallFile(root, `${options.path}.dockerignore`)) ?? (await readSmallFile(root, ".dockerignore"));
    return { root, dockerfile, ignored: parseDockerignore(ignore ?? "") };
  } catch (error) {
    root.close();
    throw isBerthError(error, "layer_invalid") ? buildError(`the build context is no valid tar: ${errorText(error)}`, error) : error;
  }
}
