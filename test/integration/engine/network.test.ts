import { readdir, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftovers } from "../../support/leftovers.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";

describe("network modes", () => {
  let test: TestEngine;
  beforeAll(async () => {
    test = await openTestEngine({ warmNetworks: 1 });
  });
  afterAll(() => test.close());

  it("none has nothing but a loopback", async () => {
    const { log } = await test.runToEnd("ls /sys/class/net", { network: "none" });
    expect(log).toBe("lo\n");
  });

  it("host has the host's interfaces", async () => {
    const { log } = await test.runToEnd("ls /sys/class/net", { network: "host" });
    expect(log.split("\n")).toEqual(expect.arrayContaining(Object.keys(networkInterfaces())));
  });

  it("bridge has an address that the engine knows and another container reaches by name and address", async () => {
    const server = await test.run("echo hello | nc -l -p 7000", { network: "bridge", hostname: "server" });
    const address = test.engine.get(server)?.ipAddress;
    expect(address).toMatch(/^10\.\d+\.\d+\.\d+$/);
    const { log } = await test.runToEnd(`for i in 1 2 3 4 5 6 7 8 9 10; do nc ${address} 7000 && break; sleep 0.1; done`, {
      network: "bridge",
    });
    expect(log).toBe("hello\n");
    await test.ended(server);
  });

  it("bridge gives each container its own address and loopback, and its host name leads to it", async () => {
    const script =
      "ip -4 addr show lo | grep -c 127.0.0.1; ip -4 addr show eth0 | awk '/inet/ { print $2 }'; grep own-name /etc/hosts | cut -f1";
    const { id, log } = await test.runToEnd(script, { network: "bridge", hostname: "own-name" });
    const address = test.engine.get(id)?.ipAddress;
    expect(log).toBe(`1\n${address}/22\n${address}\n`);
  });

  it("bridge lets a container out through the host", async () => {
    const { log } = await test.runToEnd("ip route | grep -c ^default", { network: "bridge" });
    expect(log).toBe("1\n");
  });
});

it("an engine that closes without containers takes its bridge, rules and warm networks away", async () => {
  const test = await openTestEngine({ warmNetworks: 2 });
  await expect
    .poll(async () => (await readdir(`${test.runDir}/network/ipam`, { recursive: true }).catch(() => [])).length, { timeout: 20_000 })
    .toBeGreaterThan(2);
  await test.engine.close();
  expect(await leftovers(test.dataDir, test.runDir)).toEqual([]);
  await test.close();
});

it("what a crash or a reboot left of networks is swept by the next engine", async () => {
  const test = await openTestEngine();
  const { networks, paths } = test.engine.core();
  await networks.acquire();
  await writeFile(join(paths.netns, "n0123456789"), "");
  expect((await leftovers(test.dataDir, test.runDir)).length).toBeGreaterThan(2);
  await test.engine.recover();
  expect(await readdir(paths.netns)).toEqual([]);
  await test.engine.close();
  expect(await leftovers(test.dataDir, test.runDir)).toEqual([]);
  await test.close();
});
