import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../support/free-port.ts";
import { leftovers } from "../../support/leftovers.ts";
import { readLine } from "../../support/read-line.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";

const run = promisify(execFile);

/** What a program at the port of this host says; "" when nothing answers. */
const answerOf = (port: number) => text(connect(port, "127.0.0.1")).catch(() => "");

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
    const { log } = await test.runToEnd(readLine(address ?? "", "7000"), { network: "bridge" });
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

  it("bridge publishes ports of the host, a given one and one that the node chooses, until the container ends", async () => {
    const hostPort = await freePort();
    const ports = [
      { containerPort: 80, hostPort, protocol: "tcp" as const },
      { containerPort: 81, hostPort: null, protocol: "tcp" as const },
    ];
    const id = await test.run("(echo given | nc -l -p 80) & echo chosen | nc -l -p 81; wait", { network: "bridge", ports });
    const chosen = test.engine.get(id)?.ports[1]?.hostPort ?? 0;
    expect(test.engine.get(id)?.ports[0]).toEqual(ports[0]);
    await expect.poll(() => answerOf(hostPort)).toBe("given\n");
    await expect.poll(() => answerOf(chosen)).toBe("chosen\n");
    await test.ended(id);
    await test.engine.remove(id);
    expect(await readdir(`${test.runDir}/network/published`)).toEqual([]);
    const { stdout } = await run("/usr/sbin/iptables", ["-t", "nat", "-S"]);
    expect(stdout).not.toContain(`--dport ${hostPort} `);
  });

  it("a port that another program of the host listens on is refused, and leaves no network behind", async () => {
    const server = createServer().listen(0, "0.0.0.0");
    await once(server, "listening");
    const hostPort = (server.address() as AddressInfo).port;
    const ports = [{ containerPort: 80, hostPort, protocol: "tcp" as const }];
    const before = await readdir(test.engine.core().paths.netns);
    await expect(test.run("true", { network: "bridge", ports })).rejects.toThrow(
      expect.objectContaining({ code: "port_unavailable", message: `port ${hostPort}/tcp of this node is in use by another program` }),
    );
    server.close();
    await expect.poll(async () => (await readdir(test.engine.core().paths.netns)).length).toBe(before.length);
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
  const [port] = await networks.publish(await networks.acquire(), [{ containerPort: 80, hostPort: null, protocol: "tcp" }]);
  await writeFile(join(paths.netns, "n0123456789"), "");
  expect((await leftovers(test.dataDir, test.runDir)).length).toBeGreaterThan(2);
  await test.engine.recover();
  expect(await readdir(paths.netns)).toEqual([]);
  expect((await run("/usr/sbin/iptables", ["-t", "nat", "-S"])).stdout).not.toContain(`--dport ${port?.hostPort} `);
  await test.engine.close();
  expect(await leftovers(test.dataDir, test.runDir)).toEqual([]);
  await test.close();
});
