import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mergeEnvironment, parseEnvFile } from "../../../src/cli/submit/environment.ts";
import { readJobFile } from "../../../src/cli/submit/job-file.ts";
import { nameOfImage, parseVolume, specOfRun } from "../../../src/cli/submit/spec-of-run.ts";
import { resolveJobSpec } from "../../../src/shared/wire/index.ts";

describe("berth run's options", () => {
  test("become a job that the schema takes", () => {
    const options = {
      gpus: 2,
      memory: "8Gi",
      shmSize: "1Gi",
      storageOpt: "10G",
      time: "2h",
      replicas: 2,
      label: ["team=vision", "draft"],
      volume: ["ckpt:/ckpt", "/srv/x:/x:ro"],
    };
    const spec = resolveJobSpec(specOfRun("reg:5000/team/Trainer:v2", ["python3", "-c", "x"], options, { A: "1" }));
    expect(spec).toMatchObject({
      name: "trainer",
      args: ["python3", "-c", "x"],
      replicas: 2,
      timeLimitSeconds: 7200,
      labels: { team: "vision", draft: "" },
    });
    expect(spec.mounts).toEqual([
      { type: "volume", source: "ckpt", target: "/ckpt", readOnly: false },
      { type: "bind", source: "/srv/x", target: "/x", readOnly: true },
    ]);
    expect(spec.resources).toMatchObject({ gpus: 2, memoryBytes: 8 * 2 ** 30, shmBytes: 2 ** 30, storageBytes: 10e9 });
  });
  test.each([
    [{ gpus: 0.5 }, { gpus: 1, gpuShare: { millis: 500, memoryBytes: null, sharing: "time-slice" }, gpuMemoryBytes: null }],
    [
      { gpus: 0.25, gpuMemory: "10Gi", gpuSharing: "mps" as const },
      { gpus: 1, gpuShare: { millis: 250, memoryBytes: 10 * 2 ** 30, sharing: "mps" }, gpuMemoryBytes: 10 * 2 ** 30 },
    ],
    [{ mig: "1g.10gb" }, { gpus: 1, migProfile: "1g.10gb" }],
    [
      { gpus: 2, mig: "1c.3g.40gb" },
      { gpus: 2, migProfile: "1c.3g.40gb" },
    ],
  ])("ask for parts of GPUs and MIG devices: %j", (options, resources) => {
    expect(resolveJobSpec(specOfRun("debian", [], options, {})).resources).toMatchObject(resources);
  });

  test.each([
    [{ gpus: 1.5 }, "/resources/gpus", /neither whole GPUs nor a part of one/],
    [{ gpus: 0.001 }, "/resources/gpus", /less than 0.01/],
    [{ gpus: 0.33333 }, "/resources/gpus", /three decimals/],
    [{ gpus: 0.5, gpuMemory: "10Gi..20Gi" }, "/resources/gpuMemory", /write one size/],
    [{ gpus: 1, gpuSharing: "mps" as const }, "/resources/gpuSharing", /for a part of a GPU/],
    [{ gpuSharing: "time-slice" as const }, "/resources/gpuSharing", /for a part of a GPU/],
    [{ gpus: 0.5, mig: "1g.10gb" }, "/resources/gpus", /of a MIG device/],
    [{ gpus: 0, mig: "1g.10gb" }, "/resources/mig", /gpus is 0/],
  ])("are refused where they do not go together: %j", (options, field, message) => {
    const resolve = () => resolveJobSpec(specOfRun("debian", [], options, {}));
    expect(resolve).toThrow(expect.objectContaining({ code: "invalid_job_spec", field }));
    expect(resolve).toThrow(message);
  });

  test("publish ports as Docker writes them", () => {
    const spec = resolveJobSpec(specOfRun("debian", [], { publish: ["8080:80", "53:53/udp", "6006"] }, {}));
    expect(spec.ports).toEqual([
      { containerPort: 80, hostPort: 8080, protocol: "tcp" },
      { containerPort: 53, hostPort: 53, protocol: "udp" },
      { containerPort: 6006, hostPort: null, protocol: "tcp" },
    ]);
    expect(spec.resources.hostPorts).toEqual(["53/udp", "8080/tcp"]);
    expect(resolveJobSpec(specOfRun("debian", [], { publish: ["6006"] }, {})).resources).not.toHaveProperty("hostPorts");
    expect(resolveJobSpec({ name: "a", image: "b", ports: [6006] }).ports?.[0]?.containerPort).toBe(6006);
  });

  test.each([
    [["x"], undefined, "/ports/0", /write 8080:80/],
    [["80", "127.0.0.1:8080:80"], undefined, "/ports/1", /write 8080:80/],
    [["8080:80/sctp"], undefined, "/ports/0", /write 8080:80/],
    [["0:80"], undefined, "/ports/0", /0 is not a port/],
    [["80:65536"], undefined, "/ports/0", /65536 is not a port/],
    [["80:1", "80:2/tcp"], undefined, "/ports", /80\/tcp is published twice/],
    [["80"], "none" as const, "/ports", /no port to publish/],
    [["8080:80"], "host" as const, "/ports/0", /write 80:80/],
  ])("refuse what is no port, or cannot be one: %j on %s", (publish, network, field, message) => {
    const resolve = () => resolveJobSpec(specOfRun("debian", [], { publish, ...(network === undefined ? {} : { network }) }, {}));
    expect(resolve).toThrow(expect.objectContaining({ code: "invalid_job_spec", field }));
    expect(resolve).toThrow(message);
  });

  test("takes the dashes between image and command as kubectl users mean them", () => {
    expect(specOfRun("debian", ["--", "ls", "--", "x"], {}, {}).args).toEqual(["ls", "--", "x"]);
  });

  test("that were not given are left to the server's defaults", () => {
    expect(specOfRun("debian", [], {}, {})).toEqual({ name: "debian", image: "debian" });
  });
  test.each([
    ["a/b/C_d:1", "c-d"],
    ["x@sha256:abc", "x"],
    ["---", "job"],
  ])("an image %s gives the name %s", (image, name) => {
    expect(nameOfImage(image)).toBe(name);
  });
  test.each(["data", "data:relative", ":/x", "a:/b:rx", "a:/b:ro:z"])("%j is no volume", (text) => {
    expect(() => parseVolume(text)).toThrow(/is not a volume/);
  });
});

describe("environment", () => {
  test("later ones win, -e over files, and a bare name takes the caller's value or nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "berth-env-"));
    try {
      await writeFile(join(folder, "env"), "# comment\n\nA=file\nB=x=y # kept\n");
      const env = await mergeEnvironment(["A=1", "HOME", "MISSING"], [join(folder, "env")], { HOME: "/root" });
      expect(env).toEqual({ A: "1", B: "x=y # kept", HOME: "/root" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  test("an env file may end its lines as Windows does", () => {
    expect(parseEnvFile("\ufeffA=1\r\n#x\r\nB=2")).toEqual(["A=1", "B=2"]);
  });
  test("a missing file and a broken name are refused", async () => {
    await expect(mergeEnvironment([], ["/nonexistent/env"], {})).rejects.toThrow(/cannot read the environment file/);
    await expect(mergeEnvironment(["1A=2"], [], {})).rejects.toThrow(/not a name/);
  });
});

describe("job files", () => {
  test("hold one job a document; empty documents do not count", () => {
    const jobs = readJobFile("name: a\nimage: x\n---\n---\nname: b\nimage: y\n", "jobs.yaml", []);
    expect(jobs.map(({ spec }) => spec.name)).toEqual(["a", "b"]);
  });
  test("may be JSON", () => {
    expect(readJobFile('{"name": "a", "image": "x"}', "job.json", [])[0]?.spec).toEqual({ name: "a", image: "x" });
  });
  test("--set changes and makes fields, with YAML's types", () => {
    const [job] = readJobFile("name: a\nimage: x\n", "j", ["resources.gpus=2", "env.LR=0.1", 'labels.v="2"', "name=b"]);
    expect(job?.spec).toEqual({ name: "b", image: "x", resources: { gpus: 2 }, env: { LR: 0.1 }, labels: { v: "2" } });
  });
  test("point at the line of a field, or of its nearest parent", () => {
    const [, job] = readJobFile("name: a\n---\nname: b\nresources:\n  gpus: -1\n", "j.yaml", []);
    expect(job?.locate("/resources/gpus")).toBe("j.yaml:5");
    expect(job?.locate("/resources/memory")).toBe("j.yaml:4");
    expect(job?.locate("/nothing")).toBe("j.yaml:3");
  });
  test.each([
    ["name: [", /j:1:/],
    ["- a\n- b\n", /j:1: a job must be a mapping/],
    ["name: a\nname: b\n", /j:2: map keys must be unique/],
    ["", /holds no job/],
    ["# only a comment\n", /holds no job/],
  ])("%j is refused with its line", (text, message) => {
    expect(() => readJobFile(text, "j", [])).toThrow(message);
  });
  test.each(["gpus", "=2", "a..b=1"])("--set %j is refused", (set) => {
    expect(() => readJobFile("name: a", "j", [set])).toThrow(/is not an assignment/);
  });
  test("aliases cannot be multiplied into a huge job", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(9)}*a]\nc: &c [${"*b,".repeat(9)}*b]\nd: [${"*c,".repeat(9)}*c]\n`;
    expect(() => readJobFile(bomb, "j", [])).toThrow();
  });
});
