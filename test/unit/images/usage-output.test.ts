import { expect, it } from "vitest";
import type { ImageUsageView, LayerUsageView } from "../../../src/cli/client/image-client.ts";
import type { ImageView } from "../../../src/cli/client/node-client.ts";
import { historyOf } from "../../../src/cli/output/image-history.ts";
import { layerTree, renderTree } from "../../../src/cli/output/layer-tree.ts";

const layer = (name: string, images: number): LayerUsageView => ({
  chainId: `sha256:chain-${name}`,
  digest: `sha256:${name.padEnd(12, "0")}`,
  bytes: 1024,
  unpackedBytes: null,
  images,
  createdBy: `RUN make  ${name}`,
});

const image = (name: string, layers: LayerUsageView[]): ImageUsageView => ({
  digest: `sha256:${name}`,
  references: [`docker.io/library/${name}`],
  layers,
  totalBytes: 0,
  sharedBytes: 0,
  uniqueBytes: 0,
});

it("draws a layer that several images have once, with the images that end there", () => {
  const base = layer("base", 3);
  const tree = layerTree([image("debian:12", [base]), image("a:1", [base, layer("a", 1)]), image("b:1", [base, layer("b", 1)])]);
  expect(renderTree(tree)).toBe(
    [
      "└─ base00000000 (1.0 KiB, 3 images) [debian:12] RUN make base",
      "   ├─ a00000000000 (1.0 KiB) [a:1] RUN make a",
      "   └─ b00000000000 (1.0 KiB) [b:1] RUN make b",
      "",
    ].join("\n"),
  );
});

it("gives each step of a history its layer, newest first, and none to steps that made none", () => {
  const view = {
    layers: [
      { digest: "sha256:1", size: 1 },
      { digest: "sha256:2", size: 2 },
    ],
    config: { history: [{ created_by: "base" }, { created_by: "ENV a=b", empty_layer: true }, { created_by: "RUN x" }] },
  } as unknown as ImageView;
  expect(historyOf(view).map(({ createdBy, layer: made }) => [createdBy, made?.size ?? null])).toEqual([
    ["RUN x", 2],
    ["ENV a=b", null],
    ["base", 1],
  ]);
});
