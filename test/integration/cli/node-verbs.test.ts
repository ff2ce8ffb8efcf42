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
