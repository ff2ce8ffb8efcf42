// Run by sanitizers.test.ts in a Node that has AddressSanitizer preloaded: every part of the addon once, good and bad.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const [, , build, fake] = process.argv;
const native = createRequire(import.meta.url)(join(build, "berth.node"));
const folder = mkdtempSync(join(tmpdir(), "berth-sanitized-"));
const path = (...names) => join(folder, ...names);

async function rootWriter() {
  mkdirSync(path("root"));
  const root = await native.openRoot(path("root"));
  const metadata = { uid: 1, gid: 2, mode: 0o755, mtimeNs: -1n, xattrs: { "trusted.a": Buffer.from("b"), "user.empty": Buffer.alloc(0) } };
  for (let index = 0; index < 200; index++) {
    await root.mkdir(`d${index}`, 0o755);
    closeSync(await root.createFile(`d${index}/file`, 0o644));
    await root.symlink("/etc", `d${index}/link`);
    await root.link(`d${index}/file`, `d${index}/hard`);
    await root.mknod(`d${index}/gone`, constants.S_IFCHR, 0, 0);
    await root.setMetadata(`d${index}/file`, metadata);
    assert.deepEqual(Object.keys(await root.xattrs(`d${index}/file`)).sort(), ["trusted.a", "user.empty"]);
    closeSync(await root.openFile(`d${index}/file`, index % 2 === 0));
    assert.equal((await root.stat(`d${index}/file`)).mtimeNs, -1n);
    assert.equal((await root.list(`d${index}`)).length, 4);
    assert.equal(await root.readlink(`d${index}/link`), "/etc");
  }
  for (const bad of ["..", "/", "", "a/..", "x".repeat(5000), "///", "./.", "no/such"]) {
    await Promise.allSettled([
      root.createFile(bad, 0),
      root.readlink(bad),
      root.list(bad),
      root.stat(bad),
      root.xattrs(bad),
      root.remove(bad),
    ]);
  }
  assert.throws(() => root.setMetadata("x", { ...metadata, mtimeNs: 2n ** 70n }), TypeError);
  assert.throws(() => root.setMetadata("x", { ...metadata, xattrs: { a: "text" } }), TypeError);
  const removals = (await root.list("")).map((name) => root.remove(name));
  root.close();
  await Promise.all(removals);
}

async function overlays() {
  const lowerDirs = Array.from({ length: 60 }, (_, index) => path(`lower${index}`));
  for (const name of [...lowerDirs, path("upper"), path("work"), path("target")]) mkdirSync(name);
  for (const method of ["descriptor", "string", "options", undefined]) {
    await native.mountOverlay({ lowerDirs, upper: path("upper"), work: path("work"), target: path("target"), method });
    await native.unmount(path("target"), 0);
    await assert.rejects(native.mountOverlay({ lowerDirs: [path("missing")], upper: null, work: null, target: path("target"), method }));
    await assert.rejects(native.mountOverlay({ lowerDirs, upper: null, work: null, target: path("missing"), method }));
  }
  await assert.rejects(native.mount("none", path("missing"), "tmpfs", 0, ""), { code: "ENOENT" });
}

async function small() {
  assert.equal(await native.nvml.query("/no/such/libnvidia-ml.so.1"), null);
  await assert.rejects(native.nvml.query("libm.so.6"));
  assert.ok(native.bootTimeMs() > 0);
  for (let index = 0; index < 50; index++) {
    const bytes = Buffer.allocUnsafeSlow(1 << 16);
    assert.ok(native.freeBuffer(bytes) && native.freeBuffer(bytes) && bytes.byteLength === 0);
  }
  assert.equal(typeof (await native.spreadSubfolders(folder)), "boolean");
  await assert.rejects(native.spreadSubfolders(path("missing")), { code: "ENOENT" });
  assert.ok(native.rlimit("nofile").hard > 0);
  assert.throws(() => native.rlimit("x".repeat(10_000)), RangeError);
  assert.throws(() => native.tryLock(1_000_000));
  assert.equal(native.signalProcess(process.pid, "1", 0), false);
  for (const wrong of [undefined, null, {}, [], 1.5, -1, Number.NaN, 2 ** 53, "a\0b", Symbol.iterator, 1n]) {
    for (const call of [
      native.openRoot,
      native.freeBuffer,
      native.spreadSubfolders,
      native.tryLock,
      native.rlimit,
      native.mountOverlay,
      native.unmount,
      native.signalProcess,
      native.nvml.query,
      native.nvml.sample,
      native.nvml.watch,
    ]) {
      assert.throws(() => call(wrong, wrong, wrong));
    }
  }
}

/** The fake driver with GPUs of all kinds, asked, sampled and watched at the same time; another thread opens and closes it meanwhile. */
async function nvml() {
  mkdirSync(path("dev"));
  const gpus = [0, 1, 2, 3];
  for (const minor of gpus)
    execFileSync("mknod", [path("dev", `nvidia${minor}`), "c", "195", String(minor)], { env: { PATH: process.env.PATH } });
  const lines = [
    "count=4",
    `device-folder=${path("dev")}`,
    "error.3=lost",
    "mig.0.0=1g.10gb memory-mib=9856",
    "mig.0.1=1c.2g.20gb memory-mib=19968",
  ];
  const conf = [...lines, "nvlink.1=2,switch,down", `processes.2=${gpus.map((pid) => `${pid + 1}:9`).join(",")}`].join("\n");
  writeFileSync(path("fake-nvml.conf"), `${conf}\nmodel=\xff\xfe not UTF-8\n`, "latin1");
  const library = path("libnvidia-ml.so.1");
  for (const build of ["libnvidia-ml.so.1", "old/libnvidia-ml.so.1"]) {
    writeFileSync(library, readFileSync(join(fake, build)));
    const messages = [];
    const stop = native.nvml.watch(library, (message) => messages.push(message));
    for (let round = 0; round < 30; round++) {
      const [report, samples] = await Promise.all([native.nvml.query(library), native.nvml.sample(library)]);
      assert.deepEqual([report.gpus.length, samples.length, report.gpus[3].error], [4, 4, "GPU is lost"]);
    }
    writeFileSync(path("fake-nvml.conf"), `${conf}\nxids.1=31,79,48\n`);
    for (let wait = 0; wait < 400 && build === "libnvidia-ml.so.1" && messages.length < 4; wait++) await delay(25);
    stop();
    stop();
    for (let wait = 0; wait < 400 && messages.at(-1)?.kind !== "end"; wait++) await delay(25);
    assert.equal(messages.at(-1)?.kind, "end");
    rmSync(library);
  }
  assert.throws(() => native.nvml.watch(library), TypeError);
  // Left running: the environment is torn down under it.
  writeFileSync(library, readFileSync(join(fake, "libnvidia-ml.so.1")));
  native.nvml.watch(library, () => {});
}

/** Leases good, damaged and over; the guard must stay up through all, and its log must hold no sanitizer report. */
async function leaseGuard() {
  mkdirSync(path("leases"));
  const write = (name, text) => writeFileSync(path("leases", name), text);
  write("job-1", "");
  write("job-2", "99999999999999999999999\n");
  write("job-3", `1\n/sys/fs/cgroup\nrelative\n\n/\n${"/x".repeat(3000)}\n/tmp/job-3\n`);
  write("job-4", "\0".repeat(70_000));
  write("not a lease.tmp", "1\n");
  execFileSync(join(build, "lease-guard"), [path("leases")], {
    env: { ...process.env, LD_PRELOAD: "" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (let index = 0; index < 50; index++)
    write(`more-${index}`, `${native.bootTimeMs() + index}\n/no/such/more-${index}\n`.replace(/\.\d+/, ""));
  const marked = () => Array.from({ length: 50 }, (_, index) => path("leases", `more-${index}.expired`)).every((file) => readable(file));
  for (let wait = 0; wait < 400 && !marked(); wait++) await delay(25);
  assert.ok(marked() && readable(path("leases", "job-3.expired")) && !readable(path("leases", "job-2.expired")));
  rmSync(path("leases"), { recursive: true });
  // It ends with its folder; a crash would have left its lock and a report.
  const again = spawn(join(build, "lease-guard"), [path("leases")], { env: { ...process.env, LD_PRELOAD: "" }, stdio: "ignore" });
  assert.deepEqual(await once(again, "exit"), [1, null]);
}

function readable(file) {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

try {
  await rootWriter();
  await overlays();
  await small();
  await nvml();
  await leaseGuard();
  process.stdout.write("clean\n");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
