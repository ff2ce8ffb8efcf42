import { join } from "node:path";
import type { ListedFixedFile } from "./listing.ts";
import { filesIn, type RootView } from "./root-view.ts";

interface FixedFolder {
  /** Below the root, and in the container below /. */
  folder: string;
  names: RegExp;
  /** Below the driver folder. */
  into: string;
  capability: ListedFixedFile["capability"];
}

const NVIDIA_JSON = /nvidia.*\.json$/;
const XORG = ["usr/lib/xorg/modules", "usr/lib64/xorg/modules", "usr/lib/x86_64-linux-gnu/nvidia/xorg"];
const GBM = ["usr/lib/x86_64-linux-gnu/gbm", "usr/lib/aarch64-linux-gnu/gbm", "usr/lib64/gbm"];

/** Where GLVND, the Vulkan and OpenCL loaders, OptiX, NVIDIA's libraries, X servers and GBM look (their own documentation). */
const FIXED_FOLDERS: readonly FixedFolder[] = [
  ...bothPlaces("glvnd/egl_vendor.d", "share/glvnd/egl_vendor.d"),
  ...bothPlaces("vulkan/icd.d", "share/vulkan/icd.d"),
  ...bothPlaces("vulkan/implicit_layer.d", "share/vulkan/implicit_layer.d"),
  graphics("usr/share/egl/egl_external_platform.d", NVIDIA_JSON, "share/egl/egl_external_platform.d"),
  graphics("usr/share/nvidia", /^(?:nvoptix\.bin|nvidia-application-profiles-.*(?:rc|key-documentation))$/, "share/nvidia"),
  { folder: "etc/OpenCL/vendors", names: /^nvidia.*\.icd$/, into: "share/OpenCL/vendors", capability: "compute" },
  ...XORG.flatMap((folder) => [
    graphics(`${folder}/drivers`, /^nvidia_drv\.so$/, "lib64/xorg/drivers"),
    graphics(`${folder}/extensions`, /^libglxserver_nvidia\.so/, "lib64/xorg/extensions"),
  ]),
  ...GBM.map((folder) => graphics(folder, /^nvidia-drm_gbm\.so$/, "lib64/gbm")),
];

function graphics(folder: string, names: RegExp, into: string): FixedFolder {
  return { folder, names, into, capability: "graphics" };
}

function bothPlaces(folder: string, into: string): FixedFolder[] {
  return [graphics(`usr/share/${folder}`, NVIDIA_JSON, into), graphics(`etc/${folder}`, NVIDIA_JSON, into)];
}

export const FIXED_FILE_FOLDERS: readonly string[] = FIXED_FOLDERS.map(({ folder }) => folder);

/** One file of each name in a folder of the driver folder: where /etc and /usr/share both have it, /usr/share's. */
export async function listFixedFiles(view: RootView): Promise<ListedFixedFile[]> {
  const found = (await Promise.all(FIXED_FOLDERS.map((fixed) => inFolder(view, fixed)))).flat();
  return found.filter((file, at) => found.findIndex((other) => other.path === file.path) === at);
}

async function inFolder(view: RootView, { folder, names, into, capability }: FixedFolder): Promise<ListedFixedFile[]> {
  const files = await filesIn(view, folder, (name) => names.test(name));
  return files.map(({ name, realPath }) => ({ hostPath: realPath, path: join(into, name), place: join("/", folder, name), capability }));
}
