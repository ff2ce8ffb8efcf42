import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestEngine, type TestEngine } from "../support/test-engine.ts";

const MIB = 2 ** 20;
/** Fills one buffer of 256 MiB. */
const EAT_MEMORY = "dd if=/dev/zero of=/dev/null bs=256M count=1";

/** What every OCI runtime must do for us, each through the whole engine: spec, runtime, monitor. */
describe.each(["crun", "runc"] as const)("a container run by %s", (runtime) => {
  let test: TestEngine;
  beforeAll(async () => {
    test = await openTestEngine({ runtime });
  });
  afterAll(() => test.close());

  it("is run by the runtime asked for", () => {
    expect(test.engine.runtime().name).toBe(runtime);
  });

  it.each([0, 1, 3, 77, 255])("gives back exit code %i", async (code) => {
    const { exit } = await test.runToEnd(`exit ${code}`);
    expect(exit).toMatchObject({ exitCode: code, cause: "exited" });
  });

  it("tells a death by signal from an exit", async () => {
    const id = await test.run("sleep 1000");
    process.kill(test.engine.get(id)?.pid as number, "SIGKILL");
    expect(await test.ended(id)).toMatchObject({ exitCode: 137, cause: "signal" });
  });

  it("tells an out-of-memory kill from any other", async () => {
    const { exit } = await test.runToEnd(`exec ${EAT_MEMORY}`, { memoryBytes: 16 * MIB });
    expect(exit).toMatchObject({ exitCode: 137, cause: "oom" });
    expect(exit.usage?.peakMemoryBytes).toBeGreaterThan(14 * MIB);
    expect(exit.usage?.peakMemoryBytes).toBeLessThanOrEqual(16 * MIB);
  });

  it("is called out of memory when it failed because a worker of its was killed for memory", async () => {
    const { exit } = await test.runToEnd(`${EAT_MEMORY}; exit 4`, { memoryBytes: 16 * MIB });
    expect(exit).toMatchObject({ exitCode: 4, cause: "oom" });
  });

  it("is not called out of memory when it got over the loss of a worker", async () => {
    const { exit } = await test.runToEnd(`${EAT_MEMORY}; exit 0`, { memoryBytes: 16 * MIB });
    expect(exit).toMatchObject({ exitCode: 0, cause: "exited" });
  });

  it("cannot make more processes than its limit", async () => {
    const { log } = await test.runToEnd("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo unreachable", { pidsLimit: 8 });
    expect(log).toMatch(/fork|Resource temporarily unavailable/i);
    expect(log).not.toContain("unreachable");
  });

  it("has a /dev/shm of the size asked for, or of its memory", async () => {
    const size = "df -k /dev/shm | awk 'END { print $2 }'";
    expect((await test.runToEnd(size, { shmBytes: 8 * MIB })).log.trim()).toBe("8192");
    expect((await test.runToEnd(size, { memoryBytes: 32 * MIB })).log.trim()).toBe("32768");
  });

  it("holds podman's eleven capabilities, no new privileges and a seccomp filter", async () => {
    const { log } = await test.runToEnd("cat /proc/self/status");
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(log).toMatch(new RegExp(`^${set}:\\s+00000000800405fb$`, "m"));
    for (const set of ["CapInh", "CapAmb"]) expect(log).toMatch(new RegExp(`^${set}:\\s+0000000000000000$`, "m"));
    expect(log).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(log).toMatch(/^Seccomp:\s+2$/m);
  });

  it("cannot mount, make device nodes, or reach the kernel's secrets", async () => {
    const { log } = await test.runToEnd(
      [
        "mount -t tmpfs none /mnt 2>/dev/null && echo mounted",
        "mknod /tmp/disk b 8 0 2>/dev/null && echo made-a-disk",
        "unshare -U true 2>/dev/null && echo made-a-user-namespace",
        "(echo 1 > /proc/sys/kernel/panic) 2>/dev/null && echo wrote-proc-sys",
        "(echo b > /proc/sysrq-trigger) 2>/dev/null && echo wrote-sysrq",
        "mkdir /sys/fs/cgroup/pids/x 2>/dev/null && echo made-a-cgroup",
        "cat /proc/timer_list 2>/dev/null | head -c 1 | grep -q . && echo read-timer-list",
        "cat /proc/keys 2>/dev/null | head -c 1 | grep -q . && echo read-keys",
        "ls /sys/firmware | grep -q . && echo read-firmware",
        "echo done",
      ].join("; "),
    );
    expect(log).toBe("done\n");
  });

  it("starts with nothing open but its three streams, and its input empty", async () => {
    // The fourth is the folder that ls itself reads.
    expect((await test.runToEnd("", { command: ["/bin/ls", "/proc/self/fd"] })).log).toBe("0\n1\n2\n3\n");
    expect((await test.runToEnd("", { command: ["/bin/wc", "-c"] })).log.trim()).toBe("0");
  });

  it("runs as the image's named user with that user's home", async () => {
    const { log } = await test.runToEnd('id -u; id -g; echo "$HOME"', { user: "worker" });
    expect(log).toBe("1000\n1000\n/tmp\n");
  });

  it("holds no capability as a plain user", async () => {
    const { log } = await test.runToEnd("grep CapEff /proc/self/status", { user: "1000:1000" });
    expect(log).toMatch(/0000000000000000/);
  });

  it("works in a folder that is made when missing, also inside a volume", async () => {
    const mounts = [{ type: "volume" as const, source: "work", target: "/data", readOnly: false }];
    expect((await test.runToEnd("pwd", { workdir: "/not/there/yet" })).log).toBe("/not/there/yet\n");
    expect((await test.runToEnd("pwd; touch here && echo ok", { workdir: "/data/run", mounts })).log).toBe("/data/run\nok\n");
  });

  it("knows its own host name and address", async () => {
    const { log } = await test.runToEnd("hostname; cat /etc/hostname; grep -c berth-test /etc/hosts", { hostname: "berth-test" });
    expect(log).toBe("berth-test\nberth-test\n1\n");
  });

  it("is stopped by a signal it heeds", async () => {
    const id = await test.run("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    await expect.poll(() => test.logText(id)).toContain("ready");
    await test.engine.stop(id, 20);
    expect(await test.ended(id)).toMatchObject({ exitCode: 9, cause: "exited" });
    expect(await test.logText(id)).toContain("bye");
  });

  it("is killed, with all it started, when it does not heed the signal", async () => {
    const id = await test.run("trap '' TERM; (trap '' TERM; sleep 1000) & setsid sleep 1001 & echo ready; sleep 1002");
    await expect.poll(() => test.logText(id)).toContain("ready");
    await test.engine.stop(id, 0.2);
    expect(await test.ended(id)).toMatchObject({ exitCode: 137, cause: "signal" });
  });

  it("that cannot start says why and leaves nothing", async () => {
    const before = test.engine.list().length;
    await expect(test.run("", { command: ["/no/such/program"] })).rejects.toMatchObject({
      code: "container_start_failed",
      message: expect.stringMatching(/no such file/i),
    });
    expect(test.engine.list()).toHaveLength(before);
  });
});
