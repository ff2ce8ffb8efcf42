import { describe, expect, it } from "vitest";
import { mergeEnv, type ProcessInput, resolveArgv, resolveCwd } from "../../../src/node/runtime/index.ts";

function input(overrides: Partial<Omit<ProcessInput, "image">> & { image?: Partial<ProcessInput["image"]> } = {}): ProcessInput {
  const { image, ...rest } = overrides;
  return {
    image: { entrypoint: ["/entry"], cmd: ["a"], env: [], workingDir: "", ...image },
    command: null,
    args: null,
    env: {},
    workdir: null,
    ...rest,
  };
}

describe("the command line, by Kubernetes' table", () => {
  it.each([
    ["neither", {}, ["/entry", "a"]],
    ["command only drops CMD", { command: ["/x"] }, ["/x"]],
    ["args only keeps ENTRYPOINT", { args: ["b"] }, ["/entry", "b"]],
    ["both", { command: ["/x"], args: ["b"] }, ["/x", "b"]],
    ["empty args drop CMD", { args: [] }, ["/entry"]],
  ])("%s", (_name, overrides, expected) => {
    expect(resolveArgv(input(overrides))).toEqual(expected);
  });

  it("needs something to run", () => {
    expect(() => resolveArgv(input({ image: { entrypoint: [], cmd: [] } }))).toThrow(/nothing to run/);
  });
});

describe("the environment", () => {
  const defaults = { home: "/home/u", hostname: "h" };

  it("has a PATH, HOME and HOSTNAME when nobody gave one", () => {
    expect(mergeEnv(input(), defaults)).toEqual(
      expect.arrayContaining(["HOME=/home/u", "HOSTNAME=h", expect.stringMatching(/^PATH=\/usr/)]),
    );
  });

  it("takes the request's word over the image's, and the image's over the defaults", () => {
    const env = mergeEnv(input({ image: { env: ["HOME=/image", "X=image", "Y=1"] }, env: { X: "job" } }), defaults);
    expect(env).toEqual(expect.arrayContaining(["HOME=/image", "X=job", "Y=1"]));
    expect(env.filter((line) => line.startsWith("X="))).toHaveLength(1);
  });

  it("keeps values with = and newlines, and leaves out what is no variable", () => {
    const env = mergeEnv(input({ image: { env: ["A=b=c", "broken", "=x"] }, env: { N: "1\n2" } }), defaults);
    expect(env).toEqual(expect.arrayContaining(["A=b=c", "N=1\n2"]));
    expect(env.some((line) => line === "broken" || line.startsWith("="))).toBe(false);
  });

  it("takes __proto__ as a name like any other", () => {
    expect(mergeEnv(input({ image: { env: ["__proto__=x"] } }), defaults)).toContain("__proto__=x");
  });
});

describe("the working directory", () => {
  it.each([
    [null, "", "/"],
    [null, "/srv/", "/srv"],
    ["/a//b/./c", "/srv", "/a/b/c"],
  ])("%j over %j is %j", (workdir, workingDir, expected) => {
    expect(resolveCwd(input({ workdir, image: { workingDir } }))).toBe(expected);
  });

  it.each(["relative", "/proc/self/fd/7", "/a/../../b", "/./proc/1", "/a\0b"])("refuses %j, also from an image", (workdir) => {
    expect(() => resolveCwd(input({ workdir }))).toThrow(/not allowed/);
    expect(() => resolveCwd(input({ image: { workingDir: workdir } }))).toThrow(/not allowed/);
  });
});
