import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Files, testBuilds } from "../../support/test-builds.ts";
import type { TestStore } from "../../support/test-store.ts";

const builds = testBuilds();
const { build, filesOf } = builds;
let test: TestStore;
beforeEach(() => {
  test = builds.test;
});

describe("building", () => {
  it("runs commands, copies files and sets the config", async () => {
    const image = await build(
      `FROM tiny
ARG WHO=nobody
ENV GREETING="hello $WHO" PATH=/app:$PATH
LABEL a.b="c d" e=f
WORKDIR /app
WORKDIR data
COPY main.sh /app/
RUN echo "$GREETING from $PWD" > out && rm /bin/vi
USER worker
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGINT
ENTRYPOINT ["main.sh"]
CMD ["--fast"]
`,
      { "main.sh": { text: "#!/bin/sh\n", mode: 0o755 } },
      { buildArgs: { WHO: "world" }, tags: ["app:1", "app:latest"] },
    );
    const root = await filesOf(image);
    expect(await readFile(join(root, "app/data/out"), "utf8")).toBe("hello world from /app/data\n");
    expect(await readdir(join(root, "bin"))).not.toContain("vi");
    expect(await stat(join(root, "app/main.sh"))).toMatchObject({ uid: 0, gid: 0, mode: 0o100755, mtimeMs: 1_600_000_000_500 });
    expect(image.references).toEqual(["docker.io/library/app:1", "docker.io/library/app:latest"]);
    expect(image.config.config).toEqual({
      Env: ["PATH=/app:/usr/bin:/bin", "GREETING=hello world"],
      Labels: {
        "a.b": "c d",
        e: "f",
        "org.opencontainers.image.base.name": "docker.io/library/tiny:latest",
        "org.opencontainers.image.base.digest": (await test.store.get("tiny")).digest,
      },
      WorkingDir: "/app/data",
      User: "worker",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGINT",
      Entrypoint: ["main.sh"],
      Cmd: ["--fast"],
    });
  });

  it("says each step and what the commands print, line by line", async () => {
    await build("FROM tiny\nRUN echo one; echo two >&2\n");
    expect(builds.said).toEqual(expect.arrayContaining(["Step 1/2 : FROM tiny", "Step 2/2 : RUN echo one; echo two >&2", "one", "two"]));
  });

  it("resets the base image's CMD when it sets ENTRYPOINT", async () => {
    expect((await build('FROM tiny\nENTRYPOINT ["/x"]\n')).config.config.Cmd).toBeUndefined();
    expect((await build('FROM tiny\nCMD ["y"]\nENTRYPOINT ["/x"]\n')).config.config.Cmd).toEqual(["y"]);
  });

  it("runs the shell form in the shell that SHELL names and the exec form as it stands", async () => {
    const image = await build('FROM tiny\nSHELL ["/bin/sh", "-ec"]\nRUN false; true > /a\nCMD run me\n').catch((error: Error) => error);
    expect(image).toMatchObject({
      code: "build_failed",
      message: expect.stringMatching(/line 3: RUN: the command ended with exit code 1/),
    });
    const exec = await build('FROM tiny\nRUN ["/bin/sh", "-c", "echo \\"$0 $1\\" > /out", "a b", "c"]\nCMD run me\n');
    expect(await readFile(join(await filesOf(exec), "out"), "utf8")).toBe("a b c\n");
    expect(exec.config.config.Cmd).toEqual(["/bin/sh", "-c", "run me"]);
  });

  it("runs a here-document as a script", async () => {
    const image = await build("FROM tiny\nRUN <<EOF\nset -e\necho a > /one\necho b > /two\nEOF\n");
    expect(await readFile(join(await filesOf(image), "two"), "utf8")).toBe("b\n");
  });

  it("starts from nothing", async () => {
    const image = await build("FROM scratch\nCOPY a /\n", { a: "1" });
    expect(await readdir(await filesOf(image))).toEqual(["a"]);
  });

  it("takes files from another stage or image, with their owners, and builds only what is needed", async () => {
    const image = await build(
      `FROM tiny AS made
RUN echo result > /r && chown 7:8 /r
FROM tiny AS unused
RUN exit 9
FROM scratch
COPY --from=made /r /r
COPY --from=0 /r /again/
COPY --from=tiny /etc/passwd /p
`,
    );
    const root = await filesOf(image);
    expect(await stat(join(root, "r"))).toMatchObject({ uid: 7, gid: 8 });
    expect(await readFile(join(root, "again/r"), "utf8")).toBe("result\n");
    expect(await readFile(join(root, "p"), "utf8")).toContain("worker");
    await expect(build("FROM tiny AS a\nRUN exit 9\nFROM tiny\n", {}, { target: "a" })).rejects.toMatchObject({ code: "build_failed" });
  });
});

describe("COPY", () => {
  const files: Files = {
    "src/": "",
    "src/a.py": "a",
    "src/b.txt": "b",
    "src/sub/c.py": "c",
    "src/link": { link: "a.py" },
    alias: { link: "src" },
    one: "1",
    two: "2",
    "skip/me": "s",
    "skip/keep": "k",
    ".dockerignore": "skip/*\n!skip/keep\n**/b.txt\n",
  };
  const copied = async (lines: string) => filesOf(await build(`FROM tiny\n${lines}\n`, files));

  it("copies what a folder holds, links as links, without what is ignored", async () => {
    const root = await copied("COPY src /dst\nCOPY skip /kept/");
    expect((await readdir(join(root, "dst"))).sort()).toEqual(["a.py", "link", "sub"]);
    expect(await readlink(join(root, "dst/link"))).toBe("a.py");
    expect(await readdir(join(root, "kept"))).toEqual(["keep"]);
  });

  it("tells a file's new name from a folder to put it in", async () => {
    const root = await copied("COPY one /new\nCOPY one /folder/\nCOPY one /tmp\nCOPY one two /many/\nCOPY alias/a.py .");
    for (const path of ["new", "folder/one", "tmp/one", "many/one", "many/two", "a.py"])
      expect((await lstat(join(root, path))).isFile(), path).toBe(true);
  });

  it("takes patterns, names with blanks, owners by the image's own names, and modes", async () => {
    const root = await copied(
      'COPY src/*.py src/sub/?.py /p/\nCOPY ["one", "/with blank"]\nCOPY --chown=worker:nogroup --chmod=600 two /owned',
    );
    expect((await readdir(join(root, "p"))).sort()).toEqual(["a.py", "c.py"]);
    expect(await stat(join(root, "owned"))).toMatchObject({ uid: 1000, gid: 65_534, mode: 0o100600 });
    expect(await readFile(join(root, "with blank"), "utf8")).toBe("1");
  });

  it("writes through links of the image, inside the image", async () => {
    const root = await copied("RUN mkdir /real && ln -s /real /linked && ln -s ../../../../real /up\nCOPY one /linked/\nCOPY src /up");
    expect((await readdir(join(root, "real"))).sort()).toEqual(["a.py", "link", "one", "sub"]);
    expect((await lstat(join(root, "linked"))).isSymbolicLink()).toBe(true);
  });

  it.each([
    ["COPY ../../etc/passwd /x", /climbs out/],
    ["COPY none /x", /not in the build context/],
    ["COPY src/b.txt /x", /dockerignore/],
    ["COPY one two /x", /ending with \//],
    ["COPY one", /source and a destination/],
    ["COPY --chown=nosuch one /x", /nosuch/],
    ["COPY --chmod=u+x one /x", /octal/],
    ["COPY --link one /x", /--link/],
    ["COPY --from=nosuchimage /a /b", /no image/],
    ["COPY src /etc/passwd", /not a folder/],
    ["ADD https://example.com/x /x", /not local/],
  ])("%s is refused, saying why", async (line, why) => {
    await expect(copied(line)).rejects.toThrow(why);
  });

  it("reads nothing outside the context through a link in it", async () => {
    const context = { evil: { link: "/etc/hostname" }, "dir-evil": { link: "../../../../../etc" } };
    await expect(build("FROM tiny\nCOPY evil /x\n", context)).rejects.toMatchObject({ code: "build_failed" });
    await expect(build("FROM tiny\nCOPY dir-evil/hostname /x\n", context)).rejects.toMatchObject({ code: "build_failed" });
  });
});
