import { formatBytes } from "../../shared/domain/index.ts";
import type { ImageView } from "../client/node-client.ts";
import type { Listing } from "./formats.ts";
import { between } from "./time.ts";

/** One step of an image's making. */
export interface HistoryRow {
  created: string | null;
  createdBy: string;
  comment: string;
  /** Null for a step that made no layer. */
  layer: { digest: string; size: number } | null;
}

interface HistoryEntry {
  created?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
}

const COMMAND_WIDTH = 70;

/** Newest first. A history that is too short speaks of the upper layers: those below get a row of their own. */
export function historyOf(image: ImageView): HistoryRow[] {
  const layers = [...(image["layers"] as { digest: string; size: number }[])];
  const history = (image["config"] as { history?: HistoryEntry[] }).history ?? [];
  const made = history.filter(({ empty_layer }) => empty_layer !== true).length;
  const silent = layers.splice(0, Math.max(0, layers.length - made));
  const rows = history.map((entry): HistoryRow => {
    const layer = entry.empty_layer === true ? undefined : layers.shift();
    return {
      created: entry.created ?? null,
      createdBy: entry.created_by ?? "",
      comment: entry.comment ?? "",
      layer: layer === undefined ? null : { digest: layer.digest, size: layer.size },
    };
  });
  const below = silent.map(({ digest, size }): HistoryRow => ({ created: null, createdBy: "", comment: "", layer: { digest, size } }));
  return [...below, ...rows].reverse();
}

/**
 * The table of `berth images history`; `now` in milliseconds since the Unix epoch. Builds without a date (epoch 0) show
 * none.
 */
export function historyListing(now: number): Listing<HistoryRow> {
  return {
    columns: [
      { title: "LAYER", value: ({ layer }) => (layer === null ? null : layer.digest.slice(7, 19)) },
      { title: "CREATED", value: ({ created }) => createdText(created, now) },
      { title: "SIZE", value: ({ layer }) => (layer === null ? null : formatBytes(layer.size)), align: "right" },
      { title: "CREATED BY", value: ({ createdBy }) => shortened(createdBy) },
    ],
    wide: [
      { title: "COMMENT", value: ({ comment }) => comment },
      { title: "DIGEST", value: ({ layer }) => layer?.digest ?? null },
    ],
    name: ({ layer }) => layer?.digest ?? "-",
    empty: "the image has neither history nor layers",
  };
}

function createdText(created: string | null, now: number): string | null {
  const time = Date.parse(created ?? "");
  return Number.isNaN(time) || time <= 0 ? null : `${between(time, now)} ago`;
}

function shortened(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length > COMMAND_WIDTH ? `${line.slice(0, COMMAND_WIDTH - 1)}…` : line;
}
