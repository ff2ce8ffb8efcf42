import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Berth } from "../../support/berth.ts";
import { until } from "../../support/poll.ts";
import { writeTinyImageArchive } from "../../support/tiny-image.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await Berth.start({ simulateGpus: 1 });
  const archive = await writeTinyImageArchive(join(berth.dataDir, "tiny.tar"));
  await ok("images", "load", "-i", archive);
});
afterAll(() => berth.dispose());

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await berth.cli(...args);
  if (code !== 0) throw new Error(`berth ${args.join(" ")}: ${code}: ${stderr}`);
  return stdout;
}

it("a running GPU job is compared, exported, committed and run again from the image, without the GPU driver", async () => {
  const id = await berth.submit({
    command: ["/bin/sh", "-c", "echo tuned >/root/model; rm /etc/group; echo ready; sleep 600"],
    resources: { gpus: 1 },
    name: "tuning",
    stopGrace: "1s",
  });
  await until("the job to be ready", 60, async () => (await berth.logLines(id)).some((line) => line.includes("ready")));
  expect(await ok("diff", id)).toBe("C /etc\nD /etc/group\nC /root\nA /root/model\n");

  expect(await ok("commit", id, "tuned:1", "-c", 'CMD ["cat", "/root/model"]', "-m", "by hand")).toMatch(/^tuned:1 sha256:[a-f0-9]{64}\n$/);
  const tar = join(berth.dataDir, "files.tar");
  await ok("export", id, "-o", tar);
  expect(await ok("import", tar, "imported:1", "-c", "ENV PATH=/bin", "-c", "CMD cat /root/model")).toMatch(/^imported:1 /);
  expect((await readFile(tar)).includes("libcuda")).toBe(false);

  const refused = await berth.cli("images", "rm", "tiny");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("in use by the container") });
  await ok("cancel", id);
  for (const image of ["tuned:1", "imported:1"]) {
    const job = await berth.submit({ name: "again", image });
    await berth.waitFor(job, "succeeded");
    expect((await berth.logLines(job)).join("\n")).toContain("tuned");
  }
  await until("the containers to be removed", 60, async () => (await berth.containers()).length === 0);
  const gone = await berth.cli("commit", id, "late:1");
  expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining("a replica that ended is removed within seconds") });
});

it("the images show their layers, their history, what they share, and that they are whole", async () => {
  expect(await ok("images", "tree")).toMatch(/tiny:latest\]\n(?:│| ) {2}└─ .*\[tuned:1\] berth commit\n/);
  expect(await ok("images", "history", "tuned:1")).toContain("berth commit");
  const usage = JSON.parse(await ok("images", "du", "-o", "json")) as { savedBytes: number };
  expect(usage.savedBytes).toBeGreaterThan(1_000_000);
  expect(await ok("images", "du")).toContain("sharing saves");
  expect(await ok("images", "verify", "tuned:1", "tiny")).toMatch(/tuned:1 is whole: 4 blobs hashed\ntiny is whole/);
  expect(await ok("images", "scrub", "--unpacked", "--rate", "1GiB")).toMatch(/blobs hashed/);
  await ok("images", "tag", "tuned:1", "registry.example/tuned:2");
  await ok("images", "save", "--format", "docker-archive", "-o", join(berth.dataDir, "out.tar"), "tuned:1", "tiny");
  expect(await ok("images", "load", "-i", join(berth.dataDir, "out.tar"))).toContain("tuned:1");
  await ok("images", "rm", "registry.example/tuned:2", "imported:1");
  expect(await ok("images", "rm", "tuned:1", "-o", "json")).toContain('"freedBytes"');
});
