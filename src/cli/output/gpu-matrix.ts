import type { GpusView, GpuView } from "../client/gpu-view.ts";
import { type Column, renderTable } from "./table.ts";

const LEGEND = [
  ["X", "itself"],
  ["NV#", "so many NVLinks"],
  ["PIX", "one PCIe switch between"],
  ["PXB", "several PCIe switches"],
  ["PHB", "the CPU's PCIe host bridge"],
  ["NODE", "the same NUMA node"],
  ["SYS", "across NUMA nodes"],
] as const;

/** A matrix as `nvidia-smi topo -m` prints it: how every GPU reaches every other, and its NUMA node; then what the words mean. */
export function renderGpuMatrix({ gpus, pairs }: Pick<GpusView, "gpus" | "pairs">, options: { headers: boolean; colour: boolean }): string {
  const rows = [...gpus].sort((left, right) => left.index - right.index);
  const columns: Column<GpuView>[] = [
    { title: "", value: nameOf },
    ...rows.map((other) => ({ title: nameOf(other), value: (gpu: GpuView) => wordFor(gpu, other, pairs) })),
    { title: "NUMA", value: (gpu) => gpu.numaNode, align: "right" },
    { title: "PCI", value: (gpu) => gpu.pciBusId },
  ];
  const legend = LEGEND.map(([word, meaning]) => `  ${word.padEnd(4)}  ${meaning}\n`).join("");
  return renderTable(columns, rows, options) + (options.headers ? `\n${legend}` : "");
}

function nameOf(gpu: GpuView): string {
  return `GPU${gpu.index}`;
}

function wordFor(one: GpuView, other: GpuView, pairs: GpusView["pairs"]): string | null {
  if (one.uuid === other.uuid) return "X";
  const pair = pairs.find(({ between }) => between.includes(one.uuid) && between.includes(other.uuid));
  if (!pair) return null;
  return pair.nvlinks > 0 ? `NV${pair.nvlinks}` : pair.pcie;
}
