import { expect, it } from "vitest";
import type { ImageUsageView, LayerUsageView } from "../../../src/cli/client/image-client.ts";
import type { ImageView } from "../../../src/cli/client/node-client.ts";
import { historyOf } from "../../../src/cli/output/image-history.ts";
import { layerTree, renderTree } from "../../../src/cli/output/layer-tree.ts";
import { summaryOf } from "../../../src/cli/verbs/images-du.ts";
import { textOf } from "../../../src/cli/verbs/images-scrub.ts";

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

it("adds copies for user namespaces to what is on disk, and names them only where there are some", () => {
  const none = { count: 0, bytes: 0, unreachedBytes: 0 };
  const usage = { images: [], unreadable: [], savedBytes: 0, quarantineBytes: 0, partialBytes: 0 };
  const parts = { blobs: { count: 3, bytes: 1024, unreachedBytes: 0 }, layers: { count: 2, bytes: 4096, unreachedBytes: 0 } };
  expect(summaryOf({ ...usage, ...parts, chownedLayers: none })).toBe(
    "\non disk: 5.0 KiB (3 blobs 1.0 KiB, 2 unpacked layers 4.0 KiB)\nsharing saves 0 B\n",
  );
  expect(summaryOf({ ...usage, ...parts, chownedLayers: { count: 2, bytes: 5120, unreachedBytes: 1024 } })).toBe(
    "\non disk: 10.0 KiB (3 blobs 1.0 KiB, 2 unpacked layers 4.0 KiB, 2 copies for user namespaces 5.0 KiB)\nsharing saves 0 B\n" +
      "no image needs 1.0 KiB of it: `berth images prune` frees that\n",
  );
});

it("tells what a scrub did with copies", () => {
  const layers = { checked: 1, sealed: 0, quarantined: [], damagedInUse: [] };
  const chownedLayers = { checked: 2, sealed: 1, quarantined: ["sha256:a"], damagedInUse: ["sha256:b"] };
  expect(textOf({ checkedBlobs: 1, checkedBytes: 1024, quarantinedBlobs: [], layers, chownedLayers, damagedImages: [] })).toBe(
    "1 blobs hashed, 1.0 KiB\n1 unpacked layers read, 0 of them sealed for the first time\n" +
      "2 copies for user namespaces read, 1 of them sealed for the first time\n" +
      "quarantined a copy of the layer sha256:a: the next start copies it again\n" +
      "a copy of the layer sha256:b is damaged, but a container stands on it: stop it and scrub again\n",
  );
});
