import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pairGpus, readNumaNodes } from "../../../src/node/gpu/index.ts";
import { gpuOf } from "../../support/control-samples.ts";

test("GPUs behind NVLink switches are as far apart as the one with fewer links allows", () => {
  const behindSwitch = (index: number, links: number) =>
    gpuOf("n", index, { nvlinks: [1, 2].map((bus) => ({ kind: "switch" as const, pciBusId: `S${bus}`, links: links / 2 })) });
  const gpus = [behindSwitch(0, 18), behindSwitch(1, 18), behindSwitch(2, 12), gpuOf("n", 3)];
  const topology = gpus.map(() => gpus.map(() => 50));
  expect(pairGpus(gpus, { topology }).map(({ nvlinks }) => nvlinks)).toEqual([18, 12, 0, 12, 0, 0]);
});

test.each([
  [0, "INTERNAL"],
  [10, "PIX"],
  [20, "PXB"],
  [30, "PHB"],
  [40, "NODE"],
  [50, "SYS"],
  [35, null],
  [null, null],
])("NVML's level %s is %s in nvidia-smi's words", (level, word) => {
  expect(
    pairGpus([gpuOf("n", 0), gpuOf("n", 1)], {
      topology: [
        [null, level],
        [level, null],
      ],
    })[0]?.pcie,
  ).toBe(word);
});

test("the NUMA node is read from sysfs by the PCI bus id in the kernel's spelling; -1 and nonsense are unknown", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-numa-"));
  try {
    const texts = { "0000:1b:00.0": "1\n", "0000:1c:00.0": "-1\n", "10000:1d:00.0": "3\n", "0000:1e:00.0": "x" };
    for (const [name, text] of Object.entries(texts)) {
      await mkdir(join(root, "sys/bus/pci/devices", name), { recursive: true });
      await writeFile(join(root, "sys/bus/pci/devices", name, "numa_node"), text);
    }
    const asked = ["00000000:1B:00.0", "00000000:1C:00.0", "00010000:1D:00.0", "00000000:1E:00.0", "00000000:1F:00.0", "", "../../etc"];
    expect([...(await readNumaNodes(root, asked))]).toEqual([
      ["00000000:1B:00.0", 1],
      ["00010000:1D:00.0", 3],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
});
