import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "../../../src/cli/index.ts";
import { capturedIo } from "../../unit/cli/samples.ts";

let folder: string;
let node: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp("/tmp/berth-node-verbs-");
  node = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => node.listen(join(folder, "node.sock"), resolve));
});
afterEach(async () => {
  node.closeAllConnections();
  node.close();
  await rm(folder, { recursive: true });
});

test("an image that cannot be removed keeps neither the others nor their answer back", async () => {
  answer = ({ url }, response) => {
    if (url?.includes("none"))
      return void response.writeHead(404).end(JSON.stringify({ code: "image_not_found", detail: "no image none" }));
    response.end(JSON.stringify({ untagged: [url?.slice(-1)], deleted: [], freedBytes: 0 }));
  };
  const captured = capturedIo({ BERTH_NODE: `unix://${folder}/node.sock` });
  expect(await runCli(["images", "rm", "a", "none", "b", "-o", "json"], captured.io)).toBe(1);
  expect(JSON.parse(captured.stdout())).toMatchObject([{ untagged: ["a"] }, { untagged: ["b"] }]);
  expect(captured.stderr()).toMatch(/^error: no image none\n/);
});

test("long work that Ctrl-C ends is told so, with exit code 130", async () => {
  const captured = capturedIo({ BERTH_NODE: `unix://${folder}/node.sock` });
  answer = () => captured.signal("SIGINT");
  expect(await runCli(["images", "verify", "a"], captured.io)).toBe(130);
  expect(captured.stderr()).toBe("error: interrupted\nhint: run it again: it was given up midway\n");
});

const IMAGES = [
  {
    digest: `sha256:${"a".repeat(64)}`,
    references: ["docker.io/library/app:1", "docker.io/library/app:2"],
    sizeBytes: 10,
    createdAt: null,
  },
  { digest: `sha256:${"b".repeat(64)}`, references: [], sizeBytes: 10, createdAt: null },
  { digest: `sha256:${"c".repeat(64)}`, references: ["lab:5000/app:1", "docker.io/library/app/deep:1"], sizeBytes: 10, createdAt: null },
];

async function berth(...args: string[]) {
  const captured = capturedIo({ BERTH_NODE: `unix://${folder}/node.sock` });
  return { code: await runCli(args, captured.io), stdout: captured.stdout(), stderr: captured.stderr() };
}

test("images are listed a name a line, by repository or name, and by names that other verbs take", async () => {
  answer = (_request, response) => response.end(JSON.stringify({ items: IMAGES }));
  const rows = (text: string) => text.split("\n").map((line) => line.split(/ +/)[0]);
  expect(rows((await berth("images", "--no-headers")).stdout)).toEqual(["app:1", "app:2", "<none>", "lab:5000/app:1", "app/deep:1", ""]);
  expect((await berth("images", "ls", "-o", "name")).stdout).toBe(`app:1\napp:2\nsha256:${"b".repeat(64)}\nlab:5000/app:1\napp/deep:1\n`);
  expect((await berth("images", "app", "-o", "name")).stdout).toBe("app:1\napp:2\n");
  expect((await berth("images", "docker.io/library/app:2", "-o", "name")).stdout).toBe("app:2\n");
  expect(JSON.parse((await berth("images", "lab:5000/app", "-o", "json")).stdout)).toEqual([IMAGES[2]]);
  expect(await berth("images", "sve")).toEqual({
    code: 0,
    stdout: "",
    stderr: 'no image is named "sve"; `berth images --help` lists the commands\n',
  });
});

test("a loaded image is called what its archive calls it, a pulled one what was asked for", async () => {
  const streamed = (result: unknown) => (_request: IncomingMessage, response: ServerResponse) =>
    response.end(`${JSON.stringify({ result })}\n`);
  answer = streamed([
    { ...IMAGES[0], names: ["docker.io/library/app:2"] },
    { ...IMAGES[2], names: [] },
  ]);
  expect((await berth("images", "load", "-i", "package.json")).stdout).toBe(`loaded app:2\nloaded sha256:${"c".repeat(64)}\n`);
  answer = streamed(IMAGES[0]);
  expect((await berth("pull", "app:2")).stdout).toBe(`app:2 sha256:${"a".repeat(64)}\n`);
});

test("an agent that ends midway is said to have ended", async () => {
  answer = (_request, response) => {
    response.write('{"step":"resolve"}\n');
    setImmediate(() => response.destroy());
  };
  expect(await berth("pull", "app:2")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ended before the work was done\nhint: look/),
  });
});

test("Docker's verbs are pointed to where they are here", async () => {
  expect(await berth("rmi", "app:1")).toMatchObject({ code: 2, stderr: expect.stringContaining("hint: it is `berth images rm` here\n") });
  expect(await berth("load")).toMatchObject({ code: 2, stderr: expect.stringContaining("hint: it is `berth images load` here\n") });
});
