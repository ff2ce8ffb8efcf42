export { applyChanges } from "./apply-changes.ts";
export { buildImage } from "./build-image.ts";
export type { BuildOptions, BuildPorts, RunStep } from "./types.ts";
