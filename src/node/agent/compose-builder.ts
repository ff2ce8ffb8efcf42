import { buildImage } from "../build/index.ts";
import { createRunStep } from "../engine/index.ts";
import { bootstrapImage } from "../images/index.ts";
import { bootstrapRecipe } from "./bootstrap-recipe.ts";
import type { EngineParts } from "./compose.ts";
import type { Ground } from "./ground.ts";
import type { LocalApiPort } from "./local-api/port.ts";

/** Builds and bootstraps for the local API. */
export function composeBuilder({ options, native, clock }: Ground, parts: EngineParts): Pick<LocalApiPort, "build" | "bootstrap"> {
  const { images: store, snapshots, trust } = parts;
  const runStep = createRunStep(parts.engine);
  const { dataDir } = options;
  const ports: Pick<LocalApiPort, "build" | "bootstrap"> = {
    build: ({ context, ...call }, progress, signal) =>
      buildImage({ ...call, contextTar: context }, { dataDir, store, trust, snapshots, native, runStep, clock, progress, signal }),
    bootstrap: (call, progress, signal) => bootstrapImage({ ...call, store, dataDir, native, clock, progress, signal }),
  };
  return { ...ports, bootstrap: (call, progress, signal) => bootstrapRecipe({ ...ports, store }, call, progress, signal) };
}
