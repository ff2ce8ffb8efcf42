import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLocalApi, listenOnSocket } from "../../../src/node/agent/local-api/server.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { type RegistryAccess, signatureTag } from "../../../src/shared/oci/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { openTestRegistry, type TestRegistry } from "../../support/registry-server.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted } from "../../support/test-store.ts";
import { makeKey, openTestGate, testAccess } from "../../support/trust-policy.ts";
import { runBerth } from "./run-berth.ts";

let folder: string;
let registry: TestRegistry;
let access: RegistryAccess;
let app: FastifyInstance;
beforeEach(async () => {
  [folder, registry] = [await mkdtemp(join(tmpdir(), "berth-trust-cli-")), await openTestRegistry()];
  access = testAccess(folder);
  const trust = await openTestGate(folder, access, {});
  const port = { images: registry.store, trust, log: silentLogger(), metrics: {} } as unknown as Parameters<typeof createLocalApi>[0];
  app = createLocalApi(port);
  await listenOnSocket(app, join(folder, "node.sock"));
});
afterEach(async () => {
  await app.close();
  await access.close();
  await registry.remove();
  await rm(folder, { recursive: true });
});

async function berth(...args: string[]) {
  const berth = runBerth(["images", ...args], { BERTH_NODE: `unix://${folder}/node.sock`, HOME: folder });
  return { code: await berth.code, out: berth.stdout(), err: berth.stderr() };
}

test("a rule is set, an unsigned image refused, the image signed and admitted", async () => {
  const reference = `127.0.0.1:${registry.port}/team/app:1`;
  const image = await addLayered(registry.store, reference, [[rawEntry({ name: "file", body: "1" })]]);
  await registry.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  const key = makeKey("ed25519");
  await writeFile(join(folder, "team.pub"), key.publicPem);
  await writeFile(join(folder, "team.key"), key.privateKey.export({ type: "pkcs8", format: "pem" }));
  const prefix = `127.0.0.1:${registry.port}/team`;

  const table = /^PREFIX +RULE\n127\.0\.0\.1:\d+\/team +signed with its key\ndefault +allow\n$/;
  expect((await berth("trust", "set", prefix, "--key", join(folder, "team.pub"))).out).toMatch(table);
  const refused = await berth("trust", "check", reference);
  expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/has no signature[\s\S]*berth images sign/) });

  expect((await berth("sign", reference, "--key", join(folder, "team.key"))).out).toBe(`signed ${reference} ${image.digest}\n`);
  const tags = await (await fetch(`${registry.url}/v2/team/app/tags/list`)).json();
  expect(tags).toMatchObject({ tags: ["1", signatureTag(image.digest)] });
  expect((await berth("trust", "check", reference)).out).toMatch(
    new RegExp(`may run: signed \\(${prefix}\\), by a signature of ${image.digest}`),
  );
});
