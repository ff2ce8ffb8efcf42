import { describe, expect, it } from "vitest";
import { layeredDockerfile, layeredRecipe } from "../../../src/node/images/index.ts";

describe("layered recipes", () => {
  it("stand on one another: debian, python, cuda-runtime", () => {
    expect(layeredRecipe("cuda-runtime:bookworm")).toMatchObject({ base: "python:bookworm" });
    expect(layeredRecipe("python:bookworm")).toMatchObject({ base: "debian:bookworm" });
    expect(layeredRecipe("python:22.04")).toMatchObject({ reference: "python:jammy", base: "ubuntu:jammy" });
    expect(layeredRecipe("debian:bookworm")).toBeNull();
    expect(layeredRecipe("registry.example/python:bookworm")).toBeNull();
  });

  it("are refused for releases that they do not know, saying which there are", () => {
    expect(() => layeredRecipe("cuda-runtime:sid")).toThrow("only for cuda-runtime:bookworm");
    expect(() => layeredRecipe("python:sid")).toThrow("debian:bookworm");
  });

  it("say which CUDA they have, for programs and for the scheduler", () => {
    const recipe = layeredRecipe("cuda-runtime:bookworm");
    const text = recipe === null ? "" : layeredDockerfile(recipe);
    expect(text).toContain('FROM python:bookworm\nENV CUDA_VERSION="11.8" NVIDIA_REQUIRE_CUDA="cuda>=11.8"');
    expect(text).toContain('LABEL io.berth.cuda.version="11.8" io.berth.cuda.require="cuda>=11.8"');
    expect(text.split("\n").filter((line) => line.startsWith("RUN"))).toHaveLength(1);
  });

  it("say why when a mirror has no non-free part, and do not ask where none is needed", () => {
    const text = (name: string) => {
      const recipe = layeredRecipe(name);
      return recipe === null ? "" : layeredDockerfile(recipe);
    };
    expect(text("cuda-runtime:bookworm")).toContain(
      "apt-cache show libcudart11.0 >/dev/null 2>&1 || { echo 'no mirror of this image offers contrib non-free: libcudart11.0 cannot be had' >&2; exit 1; }",
    );
    expect(text("python:bookworm")).not.toContain("apt-cache");
  });
});
