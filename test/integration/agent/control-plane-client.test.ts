import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createControlPlaneClient } from "../../../src/node/agent/control-plane-client.ts";

test("a problem with a code that is none of the catalogue's is told by its status", async () => {
  const folder = await mkdtemp("/tmp/berth-problem-");
  const server = createServer((_request, response) => {
    response.writeHead(503, { "content-type": "application/problem+json" }).end(JSON.stringify({ code: "constructor", detail: "away" }));
  });
  await new Promise<void>((resolve) => server.listen(join(folder, "api.sock"), resolve));
  const client = createControlPlaneClient({ url: `unix://${folder}/api.sock`, credential: () => null });
  try {
    const asked = client.claimBlob({ digest: `sha256:${"0".repeat(64)}`, address: "a:1", exhausted: false }, new AbortController().signal);
    await expect(asked).rejects.toMatchObject({ code: "control_plane_unavailable", message: "away" });
  } finally {
    await client.close();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
});
