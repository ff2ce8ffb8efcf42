import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestApi, type TestApi } from "../../unit/api/api-under-test.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

/** Sends bytes, reads until the server closes. */
function send(text: string): Promise<string> {
  const { port } = api.app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => (answer += chunk));
    socket.on("close", () => resolve(answer));
    // The server closes with bytes of ours unread: a reset may follow its answer, and ends the connection as well.
    socket.on("error", (error) => {
      if (answer === "") reject(error);
    });
  });
}

const head = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\n";
const smuggling: [string, string][] = [
  ["two lengths", `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`],
  ["a length and chunks", `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["an unknown transfer coding before chunked", `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ["a space before the colon", `${head}Content-Length : 5\r\n\r\nabcde`],
  ["a negative length", `${head}Content-Length: -1\r\n\r\n`],
  ["a folded header", `${head}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ["a NUL in a header", `${head}X: a\0b\r\n\r\n`],
  ["no HTTP at all", "\x16\x03\x01\x02\x00 hello\r\n\r\n"],
];

it.each(smuggling)("%s ends the connection with a problem, and nothing after it is read", async (_what, bytes) => {
  const answer = await send(`${bytes}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain("application/problem+json");
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

it("headers of a hundred kilobytes are refused with 431", async () => {
  const answer = await send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(100_000)}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
});
