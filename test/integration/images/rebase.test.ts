import { afterEach, beforeEach, expect, it } from "vitest";
import type { ImageTools } from "../../../src/node/images/index.ts";
import { addLayered, layersOf } from "../../support/layered-image.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { imageToolsOf, neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
let tools: ImageTools;
beforeEach(async () => {
  test = await openTestStore();
  tools = imageToolsOf(test);
});
afterEach(() => test.remove());

const NAME = "org.opencontainers.image.base.name";
const DIGEST = "org.opencontainers.image.base.digest";
const file = (name: string, body: string) => [rawEntry({ name, body })];
const rebase = (options: { image?: string; onto?: string; oldBase?: string; reference?: string } = {}) =>
  tools.rebase({ image: "app:1", onto: "cuda:12", oldBase: null, reference: null, ...options }, neverAborted());

/** An app on cuda:11, which stands on debian; and cuda:12, which has one layer more. */
async function images() {
  const debian = await addLayered(test.store, "debian:1", [file("debian", "1")], {}, { history: [{ created_by: "debian" }] });
  const cuda = (version: string) => ({
    Env: ["PATH=/bin", `CUDA_VERSION=${version}`, `NVIDIA_REQUIRE_CUDA=cuda>=${version}`],
    Labels: { "io.berth.cuda.version": version, note: "base" },
  });
  const old = await addLayered(test.store, "cuda:11", [...layersOf(debian), file("cuda", "11")], cuda("11.8"), {
    history: [{ created_by: "debian" }, { created_by: "cuda 11" }],
  });
  const fresh = await addLayered(test.store, "cuda:12", [...layersOf(debian), file("fix", "x"), file("cuda", "12")], cuda("12.4"), {
    history: [{ created_by: "debian" }, { created_by: "fix" }, { created_by: "cuda 12" }],
  });
  const app = await addLayered(
    test.store,
    "app:1",
    [...layersOf(old), file("app", "a"), file("model", "m")],
    { ...cuda("11.8"), Env: [...cuda("11.8").Env, "MODEL=/model"], Cmd: ["/app"] },
    {
      history: [
        ...(old.config.history ?? []),
        { created_by: "COPY app" },
        { created_by: "ENV", empty_layer: true },
        { created_by: "COPY model" },
      ],
    },
  );
  return { debian, old, fresh, app };
}

it("swaps the layers of the base, found as the tallest image below, and keeps those above and the config", async () => {
  const { old, fresh, app } = await images();
  const { image, oldBase } = await rebase();
  expect(oldBase.digest).toBe(old.digest);
  expect(image.references).toEqual(["docker.io/library/app:1"]);
  expect(image.layers).toEqual([...fresh.layers, ...app.layers.slice(2)]);
  expect(image.config.history?.map(({ created_by }) => created_by)).toEqual(["debian", "fix", "cuda 12", "COPY app", "ENV", "COPY model"]);
  expect(image.config.config.Cmd).toEqual(["/app"]);
  expect(image.config.config.Labels).toMatchObject({ note: "base", [NAME]: "docker.io/library/cuda:12", [DIGEST]: fresh.digest });

  await test.store.unpack(image, () => undefined, neverAborted());
  expect((await test.store.get(app.digest)).references).toEqual([]);
});

it("says of CUDA what the new base says, unless the image said something of its own", async () => {
  await images();
  const { image } = await rebase({ reference: "app:2" });
  expect(image.config.config.Env).toEqual(
    expect.arrayContaining(["PATH=/bin", "MODEL=/model", "CUDA_VERSION=12.4", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"]),
  );
  expect(image.config.config.Env).toHaveLength(4);
  expect(image.config.config.Labels?.["io.berth.cuda.version"]).toBe("12.4");
});

it("goes back to the same image, layer for layer, and gives the same digest when done twice", async () => {
  const { old, app } = await images();
  const first = await rebase({ reference: "app:2" });
  expect((await rebase({ reference: "app:2" })).image.digest).toBe(first.image.digest);
  const back = await rebase({ image: "app:2", onto: "cuda:11", reference: "app:3" });
  expect(back.image.layers).toEqual(app.layers);
  expect(back.image.config.history).toEqual(app.config.history);
  expect(back.image.config.config.Labels?.[DIGEST]).toBe(old.digest);
});

it("prefers the base that the image's label names", async () => {
  const { debian, app } = await images();
  const labelled = await addLayered(
    test.store,
    "app:9",
    layersOf(app),
    { Labels: { [NAME]: "debian:1" } },
    { history: app.config.history ?? [] },
  );
  const { oldBase, image } = await rebase({ image: "app:9" });
  expect(oldBase.digest).toBe(debian.digest);
  expect(image.layers).toHaveLength(labelled.layers.length - 1 + 3);
});

it("refuses a base that the image does not stand on, and says so when there is none", async () => {
  const { app } = await images();
  await addLayered(test.store, "other:1", [file("other", "o")]);
  await expect(rebase({ oldBase: "other:1" })).rejects.toMatchObject({ code: "image_invalid" });
  await expect(rebase({ image: "other:1" })).rejects.toMatchObject({
    code: "image_not_found",
    message: expect.stringContaining("--old-base"),
  });
  await expect(rebase({ onto: "nothing:1" })).rejects.toMatchObject({ code: "image_not_found" });
  expect((await test.store.get("app:1")).digest).toBe(app.digest);
});
