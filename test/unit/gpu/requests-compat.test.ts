import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CompatNote,
  type DriverFiles,
  decideCompat,
  findCompatLibraries,
  mergeLdCache,
  parseLdCache,
  prepareDriverLayer,
  readCompatNote,
  writeLdCache,
} from "../../../src/node/gpu/index.ts";
import { runs } from "../../support/property-runs.ts";
import { elfWithNote } from "./requests-compat-elf.ts";

const NOTE = '{"Format": 1, "CUDA Version": "13.1", "Driver": [535, 550, 570], "Device": [1, 7]}';

const read = (file: Buffer) =>
  readCompatNote(async (offset, length) => (offset + length > file.length ? null : Buffer.from(file.subarray(offset, offset + length))));

describe("the ELF note of a compat libcuda", () => {
  it.each([4, 8])("is read at an alignment of %i", async (alignment) => {
    expect(await read(elfWithNote(NOTE, { alignment }))).toEqual({ cudaVersion: "13.1", driverBranches: [535, 550, 570] });
  });

  it.each<[string, Buffer]>([
    ["is no ELF file", Buffer.from("#!/bin/sh\n".repeat(20))],
    ["is empty", Buffer.alloc(0)],
    ["has another owner's note", elfWithNote(NOTE, { owner: "GNU" })],
    ["has no such section", elfWithNote(NOTE, { section: ".note.gnu.build-id" })],
    ["has a note that is no JSON", elfWithNote("{")],
    ["has a note that is JSON but no object", elfWithNote("3")],
  ])("is absent where the file %s", async (_what, file) => {
    expect(await read(file)).toBeNull();
  });

  it("believes nothing of the fields' types", async () => {
    expect(await read(elfWithNote('{"CUDA Version": 13, "Driver": ["535", 550, 1.5, null]}'))).toEqual({
      cudaVersion: null,
      driverBranches: [550],
    });
    expect(await read(elfWithNote('{"Driver": {"length": 9}}'))).toEqual({ cudaVersion: null, driverBranches: [] });
  });

  it("survives any damage", async () => {
    const whole = elfWithNote(NOTE);
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(whole.length), async (changes, length) => {
        const file = Buffer.from(whole);
        for (const [at, value] of changes) file[at] = value;
        await read(file);
        await read(file.subarray(0, length));
      }),
      { numRuns: runs(3000) },
    );
  });
});

describe("whether the image's CUDA stands in for the driver's", () => {
  const note = (...driverBranches: number[]): CompatNote => ({ cudaVersion: "13.1", driverBranches });
  it.each<[string, CompatNote | null, string, boolean]>([
    ["newer, and its note names the host's branch", note(535, 550), "550.163.01", true],
    ["newer, but its note does not name the host's branch", note(535, 570), "550.163.01", false],
    ["older than the host's driver, although its note names it", note(595), "595.10", false],
    ["the same as the host's driver", note(590), "590.44.1", false],
    ["of a newer branch, without a note", null, "550.163.01", true],
    ["of the same branch, without a note", null, "590.10", false],
    ["newer, with a note that names no branch", note(), "550.163.01", true],
  ])("it is %s", (_what, compatNote, driver, use) => {
    expect(decideCompat({ folder: "/c", version: "590.44.01", note: compatNote, names: [] }, driver).use).toBe(use);
  });

  it("stays with the driver's where its version is not known", () => {
    expect(decideCompat({ folder: "/c", version: "590.44.01", note: note(550), names: [] }, null)).toMatchObject({ use: false });
  });
});

describe("finding the libraries in an image's layers", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "berth-compat-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** "path" is an ELF file with a note, "path -> target" a link, "path/" a folder, "path!" a whiteout. */
  async function layer(name: string, ...entries: string[]): Promise<string> {
    const folder = join(root, name);
    await mkdir(folder);
    for (const entry of entries) await lay(folder, entry);
    return folder;
  }

  async function lay(folder: string, entry: string): Promise<void> {
    const [path = "", target] = entry.split(" -> ");
    const at = join(folder, path.replace(/[/!]$/, ""));
    await mkdir(path.endsWith("/") ? at : dirname(at), { recursive: true });
    if (target !== undefined) await symlink(target, at);
    else if (path.endsWith("!")) await promisify(execFile)("mknod", [at, "c", "0", "0"]);
    else if (!path.endsWith("/")) await writeFile(at, elfWithNote(NOTE));
  }

  async function driverLayer() {
    const driverFiles = {
      libraries: [{ name: "libcuda.so.550.1", hostPath: "/d/libcuda.so.550.1" }],
      libraryLinks: [{ name: "libcuda.so.1", target: "libcuda.so.550.1" }],
      ...{ libraries32: [], libraryLinks32: [], binaries: [], fixedFiles: [] },
    } as unknown as DriverFiles;
    return { stateDir: await layer("state"), driverFiles, driverFolder: "/usr/local/nvidia", architecture: "x64" };
  }

  const COMPAT = "usr/local/cuda-13.1/compat";
  const LIBRARIES = [
    `${COMPAT}/libcuda.so.590.44.01`,
    `${COMPAT}/libcuda.so.1 -> libcuda.so.590.44.01`,
    `${COMPAT}/libcuda.so -> libcuda.so.1`,
  ];

  it("follows the links that CUDA's packages make, through any number of layers", async () => {
    const bottom = await layer("bottom", "etc/alternatives/cuda -> /usr/local/cuda-13.1", "usr/local/cuda -> ../../etc/alternatives/cuda");
    const middle = await layer("middle", ...LIBRARIES);
    const top = await layer("top", `${COMPAT}/libnvidia-nvvm.so.4`, `${COMPAT}/libc.so.6`);
    expect(await findCompatLibraries([top, middle, bottom])).toEqual({
      folder: "/usr/local/cuda-13.1/compat",
      version: "590.44.01",
      note: { cudaVersion: "13.1", driverBranches: [535, 550, 570] },
      names: ["libcuda.so.1", "libnvidia-nvvm.so.4"],
    });
  });

  it("sees what a later layer has removed as removed", async () => {
    const bottom = await layer("bottom", ...LIBRARIES, "usr/local/cuda -> cuda-13.1");
    const top = await layer("top", `${COMPAT}/libcuda.so.590.44.01!`);
    expect(await findCompatLibraries([top, bottom])).toBeNull();
    expect(await findCompatLibraries([await layer("other", "usr/local/cuda!"), bottom])).toBeNull();
  });

  it("takes none where there are two, as nobody can say which is meant", async () => {
    const only = await layer("only", ...LIBRARIES, `${COMPAT}/libcuda.so.580.1`, "usr/local/cuda -> cuda-13.1");
    expect(await findCompatLibraries([only])).toBeNull();
  });

  it("never leaves the layers, wherever an image's links lead (CVE-2024-0132, CVE-2025-23359)", async () => {
    await lay(root, "host/compat/libcuda.so.999.1");
    const outside = join(root, "host/compat");
    const hostile: string[][] = [
      [`usr/local/cuda/compat -> ${outside}`],
      [`usr/local/cuda -> ${join(root, "host")}`],
      ["usr/local/cuda -> ../../../../../../../../../../host"],
      [`usr/local/cuda/compat/libcuda.so.999.1 -> ${outside}/libcuda.so.999.1`],
      ["usr/local/cuda -> cuda"],
      ["usr/local/cuda -> a", "usr/local/a -> cuda"],
      ["usr/local/cuda/compat/libcuda.so.999.1/"],
    ];
    for (const [index, entries] of hostile.entries()) {
      expect(await findCompatLibraries([await layer(`hostile-${index}`, ...entries)]), entries.join()).toBeNull();
    }
  });

  it("does not follow a lower layer's link under a folder of an upper one", async () => {
    await lay(root, "host/compat/libcuda.so.999.1");
    const lower = await layer("lower", `usr/local/cuda -> ${join(root, "host")}`);
    const upper = await layer("upper", "usr/local/cuda/include/");
    expect(await findCompatLibraries([upper, lower])).toBeNull();
  });

  it("takes no folder whose name means something in a search path", async () => {
    const odd = await layer("odd", "usr/local/a:b/compat/libcuda.so.590.1", "usr/local/cuda -> a:b");
    expect(await findCompatLibraries([odd])).toBeNull();
  });

  it("never merges a cache of the host, where a lower layer links to the host's folder and an upper one has a folder", async () => {
    await lay(root, "host/ld.so.cache");
    await writeFile(join(root, "host/ld.so.cache"), writeLdCache(mergeLdCache(null, "/secret", ["libsecret.so.1"], "x64")));
    const lower = await layer("lower-etc", `etc -> ${join(root, "host")}`);
    const upper = await layer("upper-etc", "etc/passwd");
    const made = await prepareDriverLayer({ ...(await driverLayer()), lowerDirs: [upper, lower] });
    expect(parseLdCache(await readFile(join(made, "etc/ld.so.cache")))?.entries.map(({ name }) => name)).not.toContain("libsecret.so.1");
  });

  it("makes the loader find them in place of the driver's", async () => {
    const image = await layer("image", ...LIBRARIES, "etc/ld.so.conf.d/", "usr/bin/", "usr/local/cuda -> cuda-13.1");
    const imageCompat = { folder: "/usr/local/cuda-13.1/compat", names: ["libcuda.so.1"] };
    const made = await prepareDriverLayer({ ...(await driverLayer()), lowerDirs: [image], imageCompat });
    const cache = parseLdCache(await readFile(join(made, "etc/ld.so.cache")));
    expect(cache?.entries.map(({ path }) => path).sort()).toEqual([
      "/usr/local/cuda-13.1/compat/libcuda.so.1",
      "/usr/local/nvidia/lib64/libcuda.so.550.1",
    ]);
    expect(await readFile(join(made, "etc/ld.so.conf.d/00-berth-nvidia.conf"), "utf8")).toBe(
      "/usr/local/cuda-13.1/compat\n/usr/local/nvidia/lib64\n",
    );
  });
});
