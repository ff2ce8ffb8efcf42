import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftovers } from "../../support/leftovers.ts";
import { attachTestEngine, openTestEngine, type TestEngine } from "../../support/test-engine.ts";

const USERNS = { mapping: { uid: 300_000, gid: 400_000, count: 65_536 }, allowHost: true };
const VOLUME = { type: "volume" as const, source: "shared", target: "/data", readOnly: false };

describe.each([
  ["crun", "idmapped"],
  ["runc", "idmapped"],
  ["runc", "chowned"],
] as const)("a container in a user namespace, run by %s over %s layers", (runtime, owners) => {
  let test: TestEngine;

  beforeAll(async () => {
    test = await openTestEngine({ runtime, owners, userns: USERNS });
  });
  afterAll(() => test.close());

  it("has a root that is nobody on the host; the image's files, its working folder, volume and hosts file are its own", async () => {
    const script = [
      "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '",
      "ls -lnd /bin/busybox /etc/passwd /made/here /data /etc/hosts | awk '{ print $3, $4, $NF }'",
      "echo 10.0.0.9 peer >>/etc/hosts && chown 7:8 /data && touch /mine; timeout 0.1 nc -l -p 80 2>&1; ls -d /sys/class/net",
      "while [ ! -e /data/go ]; do sleep 0.05; done",
    ].join("; ");
    const id = await test.run(script, { workdir: "/made/here", network: "bridge", mounts: [VOLUME], storageBytes: 32 * 2 ** 20 });
    const status = await readFile(`/proc/${test.engine.get(id)?.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t300000\t300000\t300000\t300000$/m);
    expect(status).toMatch(/^Gid:\t400000\t400000\t400000\t400000$/m);
    await expect.poll(() => test.logText(id)).toContain("/sys/class/net\n");
    expect(await test.logText(id)).toBe(
      [
        " 0 300000 65536\n 0 400000 65536",
        ...["/bin/busybox", "/data", "/etc/hosts", "/etc/passwd", "/made/here"].map((path) => `0 0 ${path}`),
        // What a shell says of a program that listened until its time was over.
        "Terminated",
        "/sys/class/net\n",
      ].join("\n"),
    );
    expect(await stat(join(test.dataDir, "containers", id, "rootfs/mine"))).toMatchObject({ uid: 300_000, gid: 400_000 });
    // What a job keeps in a volume has the ids it had on the host.
    expect(await stat(join(test.dataDir, "volumes/shared/data"))).toMatchObject({ uid: 300_007, gid: 400_008 });
    await test.engine.stop(id, 0);
  });

  it("lets nobody but its root's group pass to it, and nobody at all to its setuid files on the disk", async () => {
    const id = await test.run("cp /bin/busybox /suid && chmod 4755 /suid && sleep 1000");
    const modeOf = async (path: string) => (await stat(join(test.dataDir, path))).mode & 0o777;
    expect(await Promise.all(["", "containers", "layers", `containers/${id}/writable`].map(modeOf))).toEqual([0o710, 0o710, 0o700, 0o700]);
    expect(await stat(test.dataDir)).toMatchObject({ uid: 0, gid: 400_000 });
    await test.engine.stop(id, 0);
  });

  it("has the host's user namespace when it asks for it", async () => {
    const { log } = await test.runToEnd("tr -s ' ' </proc/self/uid_map; id -u", { userns: "host" });
    expect(log).toBe(" 0 0 4294967295\n0\n");
  });
});

it("a restarted engine ends and removes what it finds in a user namespace, whatever it is set to itself", async () => {
  const first = await openTestEngine({ userns: USERNS });
  const id = await first.run("sleep 1000");
  await first.engine.close();
  await first.images.close();
  const second = await attachTestEngine(join(first.dataDir, ".."));
  expect(second.engine.get(id)).toMatchObject({ state: "running" });
  await second.engine.stop(id, 0);
  await second.engine.remove(id);
  await expect.poll(() => leftovers(second.dataDir, second.runDir)).toEqual([]);
  await second.close();
});
