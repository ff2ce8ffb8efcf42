import type { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { openTestRegistry, type TestRegistry } from "../support/registry-server.ts";
import { BLOB_CASES } from "./registry/blob-push-cases.ts";
import { CONTENT_CASES } from "./registry/content-cases.ts";
import { Bench, type Case, openPool } from "./registry/harness.ts";
import { LIFE_CASES } from "./registry/life-cases.ts";
import { MANIFEST_CASES } from "./registry/manifest-push-cases.ts";
import { PULL_CASES } from "./registry/pull-cases.ts";

// Each case names the section of the OCI distribution spec 1.1 that it holds the server to.
const CASES: Case[] = [...PULL_CASES, ...BLOB_CASES, ...MANIFEST_CASES, ...CONTENT_CASES, ...LIFE_CASES];

describe("Berth's registry keeps the OCI distribution spec", () => {
  let registry: TestRegistry;
  let pool: Pool;
  beforeAll(async () => {
    registry = await openTestRegistry();
    pool = openPool(registry.url);
  });
  afterAll(async () => {
    await pool.close();
    await registry.remove();
  });

  test.each(CASES.map((one, index) => ({ ...one, index })))("$section: $title", ({ run, index }) => run(new Bench(pool, index)));
});

// For comparison, not a promise about docker-registry: BERTH_TEST_DOCKER_REGISTRY=1 npx vitest run test/contract/registry.test.ts
describe.runIf(process.env["BERTH_TEST_DOCKER_REGISTRY"] === "1")("docker-registry in the same suite", () => {
  test("passes most of it", async () => {
    const registry = await startDockerRegistry();
    const pool = openPool(`http://${registry.host}`);
    const failed: string[] = [];
    for (const [index, { section, title, run }] of CASES.entries())
      await run(new Bench(pool, index)).catch(() => failed.push(`${section}: ${title}`));
    await pool.close();
    await registry.stop();
    process.stdout.write(`docker-registry fails ${failed.length} of ${CASES.length}:\n${failed.map((one) => `  ${one}\n`).join("")}`);
    expect(failed.length).toBeLessThan(CASES.length / 2);
  });
});
