import { formatBytes } from "../../shared/domain/index.ts";
import type { ImageUsageView, LayerUsageView } from "../client/image-client.ts";
import { familiarName } from "./image-listing.ts";
import { printable } from "./style.ts";

/** A layer, the images that end with it, and the layers that stand on it. */
export interface LayerNode {
  chainId: string;
  digest: string;
  bytes: number;
  unpackedBytes: number | null;
  /** How many images stand on it. */
  images: number;
  createdBy: string;
  references: string[];
  children: LayerNode[];
}

const COMMAND_WIDTH = 60;

/** The layers of all images as a forest: a layer that several images have is there once. */
export function layerTree(images: readonly ImageUsageView[]): LayerNode[] {
  const roots: LayerNode[] = [];
  for (const image of images) {
    let siblings = roots;
    for (const [index, layer] of image.layers.entries()) {
      const node = siblings.find(({ chainId }) => chainId === layer.chainId) ?? added(siblings, layer);
      if (index === image.layers.length - 1) node.references.push(...(image.references.length === 0 ? [image.digest] : image.references));
      siblings = node.children;
    }
  }
  return roots;
}

function added(siblings: LayerNode[], layer: LayerUsageView): LayerNode {
  const node: LayerNode = { ...layer, references: [], children: [] };
  siblings.push(node);
  return node;
}

/**
 * One line a layer, children indented under what they stand on; names and commands come from images, so control characters
 * are taken out.
 */
export function renderTree(nodes: readonly LayerNode[], indent = ""): string {
  return nodes
    .map((node, index) => {
      const last = index === nodes.length - 1;
      const line = `${indent}${last ? "└─" : "├─"} ${lineOf(node)}\n`;
      return line + renderTree(node.children, `${indent}${last ? "   " : "│  "}`);
    })
    .join("");
}

function lineOf(node: LayerNode): string {
  const size =
    node.unpackedBytes === null ? formatBytes(node.bytes) : `${formatBytes(node.bytes)}, unpacked ${formatBytes(node.unpackedBytes)}`;
  const users = node.images === 1 ? "" : `, ${node.images} images`;
  const names = node.references.map(familiarName).map(printable).join(", ");
  const command = printable(node.createdBy.replace(/\s+/g, " ").trim());
  const made = command.length > COMMAND_WIDTH ? `${command.slice(0, COMMAND_WIDTH - 1)}…` : command;
  return [`${node.digest.slice(7, 19)} (${size}${users})`, names === "" ? "" : `[${names}]`, made].filter((part) => part !== "").join(" ");
}
