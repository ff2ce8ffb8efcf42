export { CHECKPOINT_FILE } from "./checkpoint-file.ts";
export { createEngine, type NodeEngine } from "./create-engine.ts";
export type { EngineOptions, UsernsSetting } from "./engine-core.ts";
export { createRunStep, type Step, type StepRunner } from "./run-step.ts";
export type { Container, ContainerExit, ContainerRequest, Engine } from "./types.ts";
