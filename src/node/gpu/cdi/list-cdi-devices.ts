import { readdir, readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { parse } from "yaml";
import { errorText } from "../../../shared/domain/index.ts";
import { exists } from "../../platform/index.ts";
import type { CdiDevice, CdiEdits, CdiSpec } from "./cdi-types.ts";
import { type CdiCheck, createCdiCheck } from "./check-cdi-spec.ts";

/** Where container runtimes look, the later before the earlier (CDI spec, "Installation"). */
export const CDI_DIRS: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

export interface CdiListing {
  devices: ListedCdiDevice[];
  /** Files that no runtime can read, with the reason. */
  problems: { file: string; problem: string }[];
}

export interface ListedCdiDevice {
  /** "nvidia.com/gpu=0" */
  name: string;
  file: string;
  /** Why a container would not start with it: "/usr/lib/.../libcuda.so.550 is gone"; null when it would. */
  problem: string | null;
}

/** The devices that a runtime with these folders knows; of one name in two folders the later folder's wins. */
export async function listCdiDevices(dirs: readonly string[]): Promise<CdiListing> {
  const files = (await Promise.all(dirs.map(specFiles))).flat();
  const check = createCdiCheck();
  const read = await Promise.all(files.map((file) => readSpec(file, check)));
  const devices = (await Promise.all(read.map(({ file, spec }) => (spec === null ? [] : devicesOf(file, spec))))).flat();
  const byName = new Map(devices.map((device) => [device.name, inConflict(device, devices)]));
  const problems = read.flatMap(({ file, problem }) => (problem === null ? [] : [{ file, problem }]));
  return { devices: [...byName.values()], problems };
}

/** Engines refuse a device that two files of one folder name (CDI spec, "Conflict resolution"): ours and NVIDIA's, most often. */
function inConflict(device: ListedCdiDevice, devices: readonly ListedCdiDevice[]): ListedCdiDevice {
  const other = devices.find(({ name, file }) => name === device.name && file !== device.file && dirname(file) === dirname(device.file));
  return other === undefined ? device : { ...device, problem: `also in ${other.file}: remove one of the two` };
}

async function specFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => [".json", ".yaml"].includes(extname(name)))
    .map((name) => join(dir, name))
    .sort();
}

async function readSpec(file: string, check: CdiCheck): Promise<{ file: string; spec: CdiSpec | null; problem: string | null }> {
  try {
    const value: unknown = parse(await readFile(file, "utf8"), { maxAliasCount: 100 });
    const errors = check(value);
    return errors.length > 0 ? { file, spec: null, problem: errors.join("; ") } : { file, spec: value as CdiSpec, problem: null };
  } catch (error) {
    return { file, spec: null, problem: errorText(error) };
  }
}

async function devicesOf(file: string, spec: CdiSpec): Promise<ListedCdiDevice[]> {
  const shared = await missingPath(spec.containerEdits ?? {});
  const listed = async (device: CdiDevice): Promise<ListedCdiDevice> => {
    const missing = shared ?? (await missingPath(device.containerEdits));
    return { name: `${spec.kind}=${device.name}`, file, problem: missing === null ? null : `${missing} is gone` };
  };
  return Promise.all(spec.devices.map(listed));
}

/** The first thing of the host that the edits need and that is not there. */
async function missingPath({ mounts = [], deviceNodes = [], hooks = [] }: CdiEdits): Promise<string | null> {
  const paths = [
    ...mounts.map((mount) => mount.hostPath),
    ...deviceNodes.map((node) => node.hostPath ?? node.path),
    ...hooks.map((hook) => hook.path),
  ];
  const found = await Promise.all(paths.map(exists));
  return paths.find((_, at) => !found[at]) ?? null;
}
