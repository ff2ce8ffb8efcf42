import { formatBytes } from "../../../shared/domain/index.ts";
import type { Image, ImageStore } from "../../images/index.ts";

/** Finds the image and makes sure its layers are unpacked. @throws BerthError image_not_found, layer_invalid */
export async function unpackImage(
  images: ImageStore,
  reference: string,
  progress: (message: string) => void,
  signal: AbortSignal,
): Promise<Image> {
  const image = await images.get(reference);
  await images.unpack(image, (line) => progress(progressText(line)), signal);
  return image;
}

function progressText({ step, detail, current, total }: { step: string; detail?: string; current?: number; total?: number }): string {
  const amount = current === undefined || total === undefined ? [] : [`${formatBytes(current)} of ${formatBytes(total)}`];
  return [step, ...(detail === undefined ? [] : [detail]), ...amount].join(" ");
}
