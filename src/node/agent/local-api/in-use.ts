import type { LocalApiPort } from "./port.ts";

/** Digests and chain IDs that containers hold, ended ones too: their logs and files are still wanted. */
export async function inUse({ images, engine }: Pick<LocalApiPort, "images" | "engine">): Promise<Set<string>> {
  const held = new Set(engine.list().map((container) => container.imageDigest));
  const all = await images.list();
  const chains = all.filter((image) => held.has(image.digest)).flatMap((image) => image.chainIds);
  return new Set([...held, ...chains]);
}
