import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../../src/cli/index.ts";
import { type CapturedIo, capturedIo } from "../../unit/cli/samples.ts";
import { type FakeControlPlane, startFakeControlPlane } from "./fake-control-plane.ts";
import { runBerth } from "./run-berth.ts";

let server: FakeControlPlane;
beforeAll(async () => {
  server = await startFakeControlPlane();
});
afterAll(() => server.close());

async function berth(args: string[], env: Record<string, string> = {}): Promise<CapturedIo & { code: number }> {
  const captured = capturedIo({ BERTH_HOST: server.host, ...env });
  return { ...captured, code: await runCli(args, captured.io) };
}

describe("wrong usage is exit code 2 with an error and a hint, before anything is sent", () => {
  test.each([
    [["nosuch"]],
    [["run"]],
    [["run", "--gpus", "-1", "x"]],
    [["run", "--gpus", "1.5", "x"]],
    [["run", "--memory", "8X", "x"]],
    [["run", "-t", "ubuntu", "x"]],
    [["run", "-it", "ubuntu"]],
    [["run", "--nosuch", "x"]],
    [["ps", "--state", "sleeping"]],
    [["ps", "-o", "xml"]],
    [["logs"]],
    [["logs", "--since", "yesterday", "1"]],
    [["submit"]],
    [["token", "create", "--kind", "root"]],
    [["completion", "tcsh"]],
    [["images", "scrub", "--rate", "fast"]],
    [["gpu", "cdi", "generate", "--interval", "soon"]],
  ])("berth %j", async (args) => {
    const { code, stderr, stdout } = await berth(args);
    expect(code).toBe(2);
    expect(stdout()).toBe("");
    expect(stderr()).toMatch(/^error: .+\nhint: `berth .*--help` shows how to write it\n$/s);
    expect(server.submissions).toEqual([]);
  });
  test("a verb that is almost right is suggested", async () => {
    expect((await berth(["sumbit"])).stderr()).toContain("Did you mean submit?");
  });
  test("no verb at all shows the help", async () => {
    const { code, stderr } = await berth([]);
    expect(code).toBe(2);
    expect(stderr()).toContain("Usage: berth");
  });
});

test("a server that is not there: what was tried, and what to do; run says 125", async () => {
  const nowhere = { BERTH_HOST: "unix:///nonexistent/api.sock" };
  const ps = await berth(["ps"], nowhere);
  expect(ps.code).toBe(1);
  expect(ps.stderr()).toBe(
    "error: cannot reach the control plane at unix:///nonexistent/api.sock (ENOENT)\nhint: start it with `berth up`, or point --host at it\n",
  );
  expect((await berth(["run", "x"], nowhere)).code).toBe(125);
  const images = await berth(["images", "--node", "unix:///nonexistent/node.sock"]);
  expect(images.stderr()).toContain("cannot reach the agent of the node");
});

test("options that name the server work before and after the verb, and win over the environment", async () => {
  const nowhere = { BERTH_HOST: "unix:///nonexistent/api.sock" };
  expect((await berth(["--host", server.host, "version"], nowhere)).code).toBe(0);
  expect((await berth(["version", "--host", server.host], nowhere)).stdout()).toContain("server: 9.9.9");
});

test("version asks no server with --client, and fails when the server is silent", async () => {
  const nowhere = { BERTH_HOST: "unix:///nonexistent/api.sock" };
  expect((await berth(["version", "--client", "-o", "json"], nowhere)).code).toBe(0);
  const both = await berth(["version", "-o", "json"], nowhere);
  expect(both.code).toBe(1);
  expect(JSON.parse(both.stdout())).toMatchObject({ client: { version: expect.any(String) }, server: null });
});

test("the hint of a usage error names the sub-verb whose options were wrong", async () => {
  const set = await berth(["project", "set", "vision", "--weight", "NaN"]);
  expect([set.code, set.stderr()]).toEqual([2, expect.stringContaining("hint: `berth project set --help` shows how to write it")]);
  const reserve = await berth(["reservation", "create", "disks", "--node", "a"]);
  expect([reserve.code, reserve.stderr()]).toEqual([
    2,
    "error: give either --to or --for\nhint: `berth reservation create --help` shows how to write it\n",
  ]);
  const time = await berth(["run", "--time", "30", "tiny"]);
  expect([time.code, time.stderr()]).toEqual([2, expect.stringContaining("a number needs a unit: 30m for minutes, 30s for seconds")]);
});

test("every verb has help with an example", async () => {
  const { stdout } = await berth(["completion", "bash"]);
  const paths = [...stdout().matchAll(/^ {4}"([a-z ]+)"\) echo/gm)].map(([, path]) => path ?? "");
  expect(paths.length).toBeGreaterThan(25);
  for (const path of paths) {
    const help = await berth([...path.split(" "), "--help"]);
    expect(help.code, path).toBe(0);
    expect(help.stdout(), path).toMatch(/Examples:\n {2}\S/);
  }
});

test("the bash completion script parses and completes verbs, options, values and sub-verbs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-completion-"));
  try {
    const script = join(folder, "berth.bash");
    await writeFile(script, (await berth(["completion", "bash"])).stdout());
    const run = promisify(execFile);
    await run("bash", ["-n", script]);
    const complete = async (...words: string[]) => {
      const setup = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _berth; echo "\${COMPREPLY[*]}"`;
      return (await run("bash", ["-c", setup, script, "berth", ...words], { env: { PATH: "/usr/bin:/bin" } })).stdout.trim();
    };
    expect(await complete("su")).toBe("submit");
    expect(await complete("run", "--gpu-m")).toBe("--gpu-model --gpu-memory");
    expect(await complete("ps", "-o", "y")).toBe("yaml");
    expect(await complete("images", "boot")).toBe("bootstrap");
    expect(await complete("completion", "f")).toBe("fish");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the zsh and fish scripts name every verb", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { stdout, code } = await berth(["completion", shell]);
    expect(code).toBe(0);
    for (const verb of ["up", "submit", "bootstrap", "doctor"]) expect(stdout()).toContain(verb);
    expect(stdout()).not.toContain("control-plane");
  }
});

test("a job file's mistake is told with file and line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-job-"));
  try {
    await writeFile(join(folder, "job.yaml"), "name: a\nimage: [\n");
    const { code, stderr } = await berth(["submit", join(folder, "job.yaml")]);
    expect(code).toBe(1);
    expect(stderr()).toMatch(/error: .*job\.yaml:\d: /);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the plans of several jobs are documents of their own in YAML", async () => {
  const captured = capturedIo({ BERTH_HOST: server.host });
  captured.stdin.end("name: a\nimage: x\n---\nname: b\nimage: x\n");
  expect(await runCli(["plan", "-", "-o", "yaml"], captured.io)).toBe(0);
  expect(captured.stdout()).toBe("job: a\n---\njob: b\n");
});

test("a token comes from its file, and a file that holds none is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-token-"));
  const seen: (string | undefined)[] = [];
  const listener = (request: { headers: { authorization?: string } }) => seen.push(request.headers.authorization);
  server.app.server.on("request", listener);
  try {
    await writeFile(join(folder, "token"), "berth_secret\n");
    await writeFile(join(folder, "empty"), "\n");
    expect((await berth(["version", "--token-file", join(folder, "token")])).code).toBe(0);
    expect((await berth(["version"], { BERTH_TOKEN: "from-env" })).code).toBe(0);
    expect(seen).toEqual(["Bearer berth_secret", "Bearer from-env"]);
    expect((await berth(["version", "--token-file", join(folder, "empty")])).stderr()).toContain("does not hold one token");
  } finally {
    server.app.server.off("request", listener);
    await rm(folder, { recursive: true });
  }
});

test("the built program runs, and a reader that has seen enough is no error", async () => {
  const version = runBerth(["version", "--client"]);
  expect(await version.code).toBe(0);
  const help = runBerth(["run", "--help"]);
  help.child.stdout?.destroy();
  expect(await help.code).toBe(0);
});
