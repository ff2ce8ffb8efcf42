import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { beforeEach, describe, expect, it } from "vitest";
import { buildImage } from "../../../src/node/build/index.ts";
import { writeTar } from "../../../src/node/images/index.ts";
import { BerthError } from "../../../src/shared/domain/index.ts";
import { buildPorts, contextMember, type Files, type More, testBuilds } from "../../support/test-builds.ts";
import type { TestStore } from "../../support/test-store.ts";

const builds = testBuilds();
const { build, cached } = builds;
let test: TestStore;
beforeEach(() => {
  test = builds.test;
});

describe("the build cache", () => {
  const dockerfile = "FROM tiny\nARG V=1\nWORKDIR /w\nCOPY a /a\nRUN date +%N > /now; echo $V\nLABEL x=1\n";

  it("gives the same digest again without running anything", async () => {
    const first = await build(dockerfile, { a: "1" });
    expect(cached()).toBe(0);
    expect((await build(dockerfile, { a: "1" })).digest).toBe(first.digest);
    expect(cached()).toBe(3);
  });

  it("is used up to the first step that differs, by content, argument or instruction", async () => {
    await build(dockerfile, { a: "1" });
    const hits = async (text: string, files: Files, more: More = {}) => {
      builds.said.length = 0;
      await build(text, files, more);
      return cached();
    };
    expect(await hits(dockerfile, { a: "2" })).toBe(1);
    expect(await hits(dockerfile, { a: "1" }, { buildArgs: { V: "2" } })).toBe(2);
    expect(await hits(dockerfile.replace("/w", "/v"), { a: "1" })).toBe(0);
    expect(await hits(dockerfile.replace("x=1", "x=2"), { a: "1", other: "file" })).toBe(3);
    expect(await hits(dockerfile, { a: "1" }, { noCache: true })).toBe(0);
  });

  it("does not name layers that prune removed", async () => {
    await build(dockerfile, { a: "1" });
    await test.store.prune(new Set());
    builds.said.length = 0;
    const image = await build(dockerfile, { a: "1" });
    expect(cached()).toBe(0);
    expect(await test.store.has(image.layers.map(({ digest }) => digest))).toBe(true);
  });

  it("is not needed for equal bytes when SOURCE_DATE_EPOCH is given", async () => {
    const text = "FROM tiny\nARG SOURCE_DATE_EPOCH\nCOPY a /d/a\nRUN mkdir /x && echo 1 > /x/y\n";
    const once = () => build(text, { a: "1" }, { noCache: true, buildArgs: { SOURCE_DATE_EPOCH: "1700000000" } });
    const first = await once();
    expect((await once()).digest).toBe(first.digest);
    expect(first.createdAt).toBe("2023-11-14T22:13:20.000Z");
  });
});

describe("a build that cannot succeed", () => {
  it.each([
    ["FROM tiny\nHEALTHCHECK CMD x\n", /line 2: HEALTHCHECK is not supported|line 2: HEALTHCHECK: HEALTHCHECK is not supported/],
    ["FROM tiny\nRUN --mount=type=cache,target=/x true\n", /--mount/],
    ["FROM nosuch:1\n", /no image/],
    ["FROM --platform=linux/riscv64 tiny\n", /riscv64/],
    ["FROM tiny\nENV\n", /KEY=VALUE/],
    ["FROM tiny\nUSER $NOTSET\n", /needs an argument/],
    ["FROM tiny\nWORKDIR /etc/passwd/x\n", /not a folder/],
  ])("says which line and why: %j", async (dockerfile, why) => {
    await expect(build(dockerfile)).rejects.toThrow(why);
  });

  it("refuses a base that may not run, before anything stands on it", async () => {
    const refuse = new BerthError("image_untrusted", "no");
    const trust = {
      admitImage: (reference: string) => (reference === "tiny" ? Promise.reject(refuse) : Promise.reject(new Error(reference))),
    };
    await expect(build("FROM tiny\nRUN true\n", {}, { trust })).rejects.toBe(refuse);
    expect(builds.said.filter((line) => line.includes("RUN"))).toEqual([]);
  });

  it("leaves no mount and no folder, also when it is aborted in the middle", async () => {
    const controller = new AbortController();
    const stuck = build("FROM tiny\nRUN echo started; sleep 1000\n", {}, { signal: controller.signal });
    const failed = expect(stuck).rejects.toThrow();
    await expect.poll(() => builds.said).toContain("started");
    controller.abort(new Error("stop"));
    await failed;
    expect(await readdir(join(test.dataDir, "builds"))).toEqual([]);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(`${test.dataDir}/builds`);
  });

  it("needs its Dockerfile and a tar", async () => {
    const ports = buildPorts(builds);
    await expect(buildImage({ contextTar: Readable.from(writeTar([contextMember("x", "y")])), tags: [] }, ports)).rejects.toThrow(
      /no file "Dockerfile"/,
    );
    await expect(buildImage({ contextTar: Readable.from([Buffer.alloc(2000, "x")]), tags: [] }, ports)).rejects.toThrow(/no valid tar/);
    await expect(
      buildImage({ contextTar: Readable.from(writeTar([contextMember("../Dockerfile", "FROM tiny")])), tags: [] }, ports),
    ).rejects.toThrow(/climbs out/);
  });
});
