import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const SCRIPT = ". scripts/preflight.sh; preflight quickstart";
/** What preflight itself calls: a PATH of these alone is a machine without apt. */
const TOOLS = ["bash", "id", "uname", "grep", "sort", "head", "node", "unshare", "true", "printf", "modprobe"];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-preflight-"));
  await chmod(folder, 0o755);
  for (const tool of TOOLS) {
    const path = (await run("sh", ["-c", `command -v ${tool} || true`])).stdout.trim();
    if (path.startsWith("/")) await symlink(path, join(folder, tool));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function preflight(options: { path?: string; prefix?: string[]; script?: string }) {
  const [file = "", ...args] = [...(options.prefix ?? []), "bash", "--norc", "-c", options.script ?? SCRIPT];
  return run(file, args, { env: { PATH: options.path ?? process.env.PATH ?? "" } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

test("a machine that has everything passes without a word", async () => {
  expect(await preflight({})).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("without root it says so, names the command, and has changed nothing", async () => {
  const { code, stderr } = await preflight({ prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] });
  expect(code).not.toBe(0);
  expect(stderr).toContain("error: this needs root");
  expect(stderr).toContain("hint: sudo npm run quickstart");
  expect(stderr).toContain("nothing was changed");
});

test("without apt it says which packages are needed and where they are listed", async () => {
  const { code, stderr } = await preflight({ path: folder });
  expect(code).not.toBe(0);
  expect(stderr).toContain("apt-get is not here");
  expect(stderr).toContain("scripts/packages.sh");
});

test("with an old Node.js or kernel it names what it found and what to do", async () => {
  const old = await mkdtemp(join(tmpdir(), "berth-preflight-old-"));
  try {
    await writeFile(join(old, "node"), '#!/bin/sh\n[ "$1" = -p ] && echo 18 || echo v18.19.0\n', { mode: 0o755 });
    await writeFile(join(old, "uname"), '#!/bin/sh\n[ "$1" = -r ] && echo 5.4.0-generic || echo Linux\n', { mode: 0o755 });
    const { code, stderr } = await preflight({ path: `${old}:${process.env.PATH}` });
    expect(code).not.toBe(0);
    expect(stderr).toContain("Node.js v18.19.0 is too old");
    expect(stderr).toContain("kernel 5.4 is older than 5.11");
  } finally {
    await rm(old, { recursive: true, force: true });
  }
});

test("quickstart refuses an unknown option before it looks at anything", async () => {
  const { code, stderr } = await preflight({ script: "scripts/quickstart.sh --frobnicate" });
  expect(code).toBe(2);
  expect(stderr).toContain("unknown option --frobnicate");
});
