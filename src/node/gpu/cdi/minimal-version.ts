import type { CdiEdits, CdiSpec } from "./cdi-types.ts";

/**
 * The oldest CDI version that has every member used (CDI spec 1.1.0, "Released versions"), so that the runtimes of older
 * distributions read the file: podman 4.3 knows 0.5.0.
 */
export function minimalCdiVersion({ devices, containerEdits }: Pick<CdiSpec, "devices" | "containerEdits">): string {
  const edits = [...devices.map((device) => device.containerEdits), containerEdits ?? {}];
  if (edits.some((edit) => (edit.additionalGids ?? []).length > 0)) return "0.7.0";
  return edits.some(hasHostPath) || devices.some((device) => /^[0-9]/.test(device.name)) ? "0.5.0" : "0.3.0";
}

function hasHostPath(edit: CdiEdits): boolean {
  return (edit.deviceNodes ?? []).some((node) => node.hostPath !== undefined);
}
