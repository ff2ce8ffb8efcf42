import { CAPABILITY_FILES } from "./capability-files.ts";
import { type ListedFile, SIMULATION_CONFIG } from "./listing.ts";
import { elfBits, filesIn, type RootView } from "./root-view.ts";

const NAMES = Object.values(CAPABILITY_FILES).flatMap((files) => files.libraries);
/** libnvidia-* whole: a newer driver may have brought a library that libcuda opens and that we do not know yet. */
const PATTERN = new RegExp(`^(?:libnvidia-[A-Za-z0-9_-]+|${NAMES.join("|")})\\.so(?:\\.|$)`);

/** By its file name alone. */
export function isDriverLibrary(name: string): boolean {
  return PATTERN.test(name);
}

/** Every driver library in the folders, of one word size. */
export async function listLibraries(view: RootView, folders: readonly string[], bits: 32 | 64): Promise<ListedFile[]> {
  const wanted = (name: string): boolean => isDriverLibrary(name) || (bits === 64 && name === SIMULATION_CONFIG);
  const distinct = await distinctFolders(view, folders);
  const found = (await Promise.all(distinct.map((folder) => filesIn(view, folder, wanted)))).flat();
  const sizes = await sizesOf(found);
  return found.filter((file) => fits(sizes.get(file.realPath) ?? null, bits));
}

/** /lib/x86_64-linux-gnu and /usr/lib/x86_64-linux-gnu are one folder where /lib is a link. */
async function distinctFolders(view: RootView, folders: readonly string[]): Promise<string[]> {
  const real = await Promise.all(folders.map((folder) => view.resolve(folder)));
  return folders.filter((_, at) => real[at] !== null && real.indexOf(real[at] ?? null) === at);
}

async function sizesOf(files: ListedFile[]): Promise<Map<string, 32 | 64 | null>> {
  const paths = [...new Set(files.map((file) => file.realPath))];
  return new Map(await Promise.all(paths.map(async (path) => [path, await elfBits(path)] as const)));
}

function fits(size: 32 | 64 | null, bits: 32 | 64): boolean {
  return size === null || size === bits;
}
