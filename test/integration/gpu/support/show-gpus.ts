import type { GpuMachine } from "./gpu-machine.ts";

/** Prints the nodes of /dev and what nvidia-smi sees. */
export const SHOW = ["/bin/sh", "-c", "ls /dev | grep nvidia; nvidia-smi -L"];

/** The GPUs' nodes and UUIDs in the output of SHOW. */
export function seen(stdout: string): { nodes: string[]; uuids: string[] } {
  return {
    nodes: stdout.split("\n").filter((line) => /^nvidia\d+$/.test(line)),
    uuids: stdout.match(/GPU-[0-9a-f-]{36}/g) ?? [],
  };
}

/** What SHOW must print for these GPUs. */
export function exactly({ uuids }: GpuMachine, indices: readonly number[]): { nodes: string[]; uuids: string[] } {
  return { nodes: indices.map((index) => `nvidia${index}`), uuids: indices.map((index) => uuids[index] as string) };
}
