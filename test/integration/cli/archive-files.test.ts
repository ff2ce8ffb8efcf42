import { spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli } from "../../../src/cli/index.ts";
import { until } from "../../support/poll.ts";
import { capturedIo } from "../../unit/cli/samples.ts";

let folder: string;
let node: Server;
let archive: () => Readable;

beforeEach(async () => {
  folder = await mkdtemp("/tmp/berth-archive-files-");
  archive = () => Readable.from(["all of ", "it"]);
  node = createServer(
    (_request, response) =>
      void archive()
        .once("error", () => response.destroy())
        .pipe(response),
  );
  await new Promise<void>((resolve) => node.listen(join(folder, "node.sock"), resolve));
});
afterEach(async () => {
  node.closeAllConnections();
  node.close();
  await rm(folder, { recursive: true });
});

async function berth(...args: string[]) {
  const captured = capturedIo({ BERTH_NODE: `unix://${folder}/node.sock` });
  return { code: await runCli(args, captured.io), stdout: captured.stdout(), stderr: captured.stderr() };
}

const at = (name: string) => join(folder, name);
const left = async () => (await readdir(folder)).filter((name) => name !== "node.sock").sort();

describe.each([
  ["images save", ["images", "save", "trainer:1"]],
  ["export", ["export", "7"]],
])("what `berth %s` writes", (_name, verb) => {
  test("is there when it is whole, over the older one", async () => {
    await writeFile(at("a.tar"), "older");
    expect(await berth(...verb, "-o", at("a.tar"))).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(at("a.tar"), "utf8")).toBe("all of it");
    expect(await left()).toEqual(["a.tar"]);
  });

  test("leaves the older one where the node breaks off", async () => {
    await writeFile(at("a.tar"), "older");
    archive = () => {
      const broken = new Readable({ read: () => undefined });
      broken.push("half");
      setImmediate(() => broken.destroy(new Error("gone")));
      return broken;
    };
    expect(await berth(...verb, "-o", at("a.tar"))).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: /) });
    expect(await readFile(at("a.tar"), "utf8")).toBe("older");
    expect(await left()).toEqual(["a.tar"]);
  });

  test("takes away what a killed one left of the same file, and nothing of one that still writes", async () => {
    const [stalled, whole] = [new Readable({ read: () => undefined }), archive];
    stalled.push("half");
    archive = () => stalled;
    const env = { ...process.env, BERTH_NODE: `unix://${folder}/node.sock` };
    const child = spawn(process.execPath, ["bin/berth.mjs", ...verb, "-o", at("a.tar")], { stdio: "ignore", env });
    const exit = once(child, "exit");
    await until("a part file", 60, async () => (await left()).length === 1);
    const [part = ""] = await left();
    expect(part).toMatch(/^a\.tar\.[a-f0-9]{8}\.part$/);
    await writeFile(at("b.tar.01234567.part"), "another's");
    archive = whole;
    expect(await berth(...verb, "-o", at("a.tar"))).toMatchObject({ code: 0 });
    expect(await left()).toEqual(["a.tar", part, "b.tar.01234567.part"]);
    child.kill("SIGKILL");
    await exit;
    expect(await berth(...verb, "-o", at("a.tar"))).toMatchObject({ code: 0 });
    expect(await left()).toEqual(["a.tar", "b.tar.01234567.part"]);
  });

  test("goes to stdout for -, and into a device as it is", async () => {
    expect(await berth(...verb, "-o", "-")).toMatchObject({ code: 0, stdout: "all of it" });
    expect(await berth(...verb, "-o", "/dev/null")).toMatchObject({ code: 0, stdout: "" });
    expect((await berth(...verb, "-o", "/dev/full")).stderr).toMatch(
      /^error: cannot write \/dev\/full: no space left on device\nhint: free space/,
    );
    expect(await left()).toEqual([]);
  });

  test("is refused a folder and a path that leads nowhere, in words", async () => {
    await mkdir(at("folder"));
    expect((await berth(...verb, "-o", at("folder"))).stderr).toContain(`cannot write ${at("folder")}: illegal operation on a directory`);
    expect((await berth(...verb, "-o", at("no/a.tar"))).stderr).toContain(`cannot write ${at("no/a.tar")}: no such file or directory`);
  });
});

test.each([
  ["load", (path: string) => ["images", "load", "-i", path]],
  ["import", (path: string) => ["images", "import", path, "x:1"]],
])("a file that cannot be read is no fault of the node: %s", async (_name, verb) => {
  expect((await berth(...verb(at("none")))).stderr).toBe(
    `error: cannot read ${at("none")}: no such file or directory\nhint: check the path and its permissions\n`,
  );
  expect((await berth(...verb(folder))).stderr).toContain(`cannot read ${folder}: it is a folder`);
});

test.each([
  ["stdout", ["--help"], 1, /^error: cannot write the output: no space left on device\nhint: .*\n$/],
  ["stderr, where it takes nothing from what is to be done", ["imags"], 2, /^$/],
] as const)("a full disk behind %s", async (name, args, expected, text) => {
  const full: FileHandle = await open("/dev/full", "w");
  const stdio = name === "stdout" ? (["ignore", full.fd, "pipe"] as const) : (["ignore", "pipe", full.fd] as const);
  const child = spawn(process.execPath, ["bin/berth.mjs", ...args], { stdio: [...stdio] });
  let said = "";
  (child.stderr ?? child.stdout)?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  await full.close();
  expect([code, said]).toEqual([expected, expect.stringMatching(text)]);
});
