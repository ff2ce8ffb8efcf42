import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createContainerTable } from "../../../src/node/engine/container-table.ts";
import { exitCause } from "../../../src/node/engine/exit-cause.ts";
import { inferRecovery } from "../../../src/node/engine/infer-recovery.ts";
import { createKeyedLock } from "../../../src/node/engine/keyed-lock.ts";
import { chooseSubnet, overlaps, parseSubnet } from "../../../src/node/engine/network/choose-subnet.ts";
import { signalNumber } from "../../../src/node/engine/signals.ts";
import { withoutLoopbackServers } from "../../../src/node/engine/steps/write-identity-files.ts";
import { runs } from "../../support/property-runs.ts";

describe("the cause of an end", () => {
  it.each([
    [{ code: 0, oom: false, leaseExpired: false }, "exited"],
    [{ code: 1, oom: false, leaseExpired: false }, "exited"],
    [{ code: 255, oom: false, leaseExpired: false }, "exited"],
    [{ code: 137, oom: false, leaseExpired: false }, "signal"],
    [{ code: 139, oom: false, leaseExpired: false }, "signal"],
    [{ code: 137, oom: true, leaseExpired: false }, "oom"],
    [{ code: 1, oom: true, leaseExpired: false }, "oom"],
    [{ code: 0, oom: true, leaseExpired: false }, "exited"],
    [{ code: 137, oom: true, leaseExpired: true }, "lease-expired"],
    [{ code: null, oom: false, leaseExpired: false }, "lost"],
    [{ code: null, oom: true, leaseExpired: false }, "lost"],
    [{ code: null, oom: false, leaseExpired: true }, "lease-expired"],
  ] as const)("%j is %s", (facts, expected) => {
    expect(exitCause(facts)).toBe(expected);
  });
});

describe("what to do with a container after a crash", () => {
  const boot = "this-boot";
  const facts = { bootId: boot, hasExit: false, runtimeStatus: null };
  it.each([
    ["a folder without a record", { record: null }, "discard"],
    ["one that was being created", { record: { phase: "creating", bootId: boot } }, "discard"],
    ["one that was being removed", { record: { phase: "removing", bootId: boot } }, "discard"],
    ["one that had ended", { record: { phase: "exited", bootId: "before" } }, "release"],
    ["one that runs", { record: { phase: "running", bootId: boot } }, "adopt"],
    ["one that was created and not started", { record: { phase: "starting", bootId: boot }, runtimeStatus: "created" }, "discard"],
    ["one that was started and not yet recorded so", { record: { phase: "starting", bootId: boot }, runtimeStatus: "running" }, "adopt"],
    ["one that started and ended", { record: { phase: "starting", bootId: boot }, hasExit: true }, "adopt"],
    ["one of before the reboot", { record: { phase: "running", bootId: "before" } }, "lost"],
    ["one of before the reboot that had ended in time", { record: { phase: "running", bootId: "before" }, hasExit: true }, "adopt"],
  ] as const)("%s: %j", (_name, known, expected) => {
    expect(inferRecovery({ ...facts, ...known })).toBe(expected);
  });
});

describe("the bridge's subnet", () => {
  it("is a /22 of 10.88.0.0/16 when nothing is in the way", () => {
    expect(chooseSubnet("0123456789ab", [])).toMatch(/^10\.88\.\d+\.0\/22$/);
  });

  it("avoids podman's network, which spans the whole of it", () => {
    expect(chooseSubnet("0123456789ab", ["10.88.0.0/16"])).toMatch(/^10\.89\./);
  });

  it("never collides with anything the host has", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const network = fc
      .tuple(fc.integer({ min: 88, max: 92 }), octet, octet, fc.integer({ min: 12, max: 32 }))
      .map(([a, b, c, prefix]) => `10.${a}.${b}.${c}/${prefix}`);
    fc.assert(
      fc.property(fc.array(network, { maxLength: 30 }), fc.stringMatching(/^[0-9a-f]{12}$/), (taken, instance) => {
        const chosen = parseSubnet(chooseSubnet(instance, taken));
        return taken.every((text) => !overlaps(parseSubnet(text) as never, chosen as never));
      }),
      { numRuns: runs(100) },
    );
  });

  it("gives up when the host uses all of 10.0.0.0/8", () => {
    expect(() => chooseSubnet("0123456789ab", ["10.0.0.0/8"])).toThrow(/no free network/);
  });

  it("takes no notice of what is no IPv4 network", () => {
    expect(["default", "fe80::/64", "unreachable", ""].map(parseSubnet)).toEqual([null, null, null, null]);
  });
});

describe("a stop signal", () => {
  it.each([
    ["SIGTERM", 15],
    ["int", 2],
    ["9", 9],
    ["SIGRTMIN+3", 37],
  ])("%s is %i", (text, expected) => {
    expect(signalNumber(text)).toBe(expected);
  });

  it.each(["SIGNOPE", "0", "99", "", "SIGRTMIN+99"])("%j is none", (text) => {
    expect(() => signalNumber(text)).toThrow(/is not a signal/);
  });
});

it("a name server on the host's loopback is left out of a container's resolv.conf", () => {
  expect(withoutLoopbackServers("nameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\nsearch a\n")).toBe(
    "nameserver 10.0.0.1\nsearch a\n",
  );
});

describe("the lock by key", () => {
  it("runs the work on one key in turn, also after a failure, and other keys at once", async () => {
    const locks = createKeyedLock();
    const seen: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const first = locks.run("a", async () => {
      await gate;
      seen.push("a1");
      throw new Error("failed");
    });
    const second = locks.run("a", async () => seen.push("a2"));
    await locks.run("b", async () => seen.push("b"));
    open();
    await expect(first).rejects.toThrow("failed");
    await second;
    await locks.idle();
    expect(seen).toEqual(["b", "a1", "a2"]);
  });
});

describe("the container table", () => {
  it("goes on when a listener fails, and says so", () => {
    const errors: string[] = [];
    const table = createContainerTable((message) => errors.push(message));
    const seen: string[] = [];
    table.onChange(() => {
      throw new Error("listener broke");
    });
    table.onChange(({ state }) => seen.push(state));
    table.set({ phase: "running", request: { id: "a", labels: {}, gpuUuids: [] } } as never);
    expect(seen).toEqual(["running"]);
    expect(errors).toEqual([expect.stringContaining("listener broke")]);
  });
});
