export { applyChanges } from "./apply-changes.ts";
export { buildImage } from "./build-image.ts";
export type { BuildOptions, BuildPorts, RunStep, StepRequest } from "./types.ts";
