import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nameFromHostname, nodeNameOf, parseListen } from "../../../src/node/agent/agent-options.ts";
import { usernsFact } from "../../../src/node/agent/compose-userns.ts";
import { parseEndpoint } from "../../../src/node/agent/endpoint.ts";
import { claimGpus } from "../../../src/node/agent/gpu-ledger.ts";
import { readIdentity, writeIdentity } from "../../../src/node/agent/identity.ts";
import { readJoinToken } from "../../../src/node/agent/join-token.ts";
import { findNodeAddress } from "../../../src/node/agent/node-address.ts";
import { containerIdOf } from "../../../src/node/agent/replica-key.ts";
import { chooseUserNamespace } from "../../../src/node/engine/choose-user-namespace.ts";
import type { GpuShare } from "../../../src/shared/domain/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-agent-unit-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a node's name comes from the hostname, made fit", () => {
  expect(["GPU_01.Example.org", "-x-", "___", "a".repeat(80)].map(nameFromHostname)).toEqual([
    "gpu-01.example.org",
    "x",
    "node",
    "a".repeat(63),
  ]);
  expect(() => nodeNameOf("Not A Name")).toThrow(/--name "Not A Name"/);
});

test("control plane addresses are http, https or a socket, without path or password", () => {
  expect(parseEndpoint("unix:///run/berth/api.sock")).toEqual({ origin: "http://localhost", socketPath: "/run/berth/api.sock" });
  expect(parseEndpoint("http://head:8470")).toEqual({ origin: "http://head:8470", socketPath: null });
  for (const bad of ["head:8470", "ftp://head", "unix://relative", "http://head/path", "http://user:secret@head:1"]) {
    expect(() => parseEndpoint(bad)).toThrow(/^(?!.*secret).*http:\/\/host:8470/);
  }
});

test("--metrics-listen is HOST:PORT", () => {
  expect(parseListen("127.0.0.1:9400")).toEqual({ host: "127.0.0.1", port: 9400 });
  expect(parseListen("[::1]:9400")).toEqual({ host: "::1", port: 9400 });
  for (const bad of ["9400", "a:b", "host:70000"]) expect(() => parseListen(bad)).toThrow(/HOST:PORT/);
});

test("a node beside its control plane is at 127.0.0.1, by socket and by loopback", async () => {
  expect(await findNodeAddress("unix:///run/berth/api.sock")).toBe("127.0.0.1");
  expect(await findNodeAddress("http://127.0.0.1:8470")).toBe("127.0.0.1");
});

describe("the join token", () => {
  const none = { token: null, tokenFile: null, env: {} };
  test("comes from option, file or environment, in this order", async () => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "from-file\n");
    const env = { BERTH_JOIN_TOKEN: "from-env" };
    expect(await readJoinToken({ token: "given", tokenFile, env })).toBe("given");
    expect(await readJoinToken({ ...none, tokenFile, env })).toBe("from-file");
    expect(await readJoinToken({ ...none, env })).toBe("from-env");
    expect(await readJoinToken(none)).toBeNull();
  });

  test("from a file that cannot be read is an error with its path", async () => {
    await expect(readJoinToken({ ...none, tokenFile: join(folder, "none") })).rejects.toThrow(join(folder, "none"));
  });
});

describe("the identity file", () => {
  test("is read back as written, and absent before", async () => {
    const path = join(folder, "agent", "identity.json");
    expect(await readIdentity(path)).toBeNull();
    await writeIdentity(path, { nodeId: "n1", credential: "n1~secret" });
    expect(await readIdentity(path)).toEqual({ nodeId: "n1", credential: "n1~secret" });
  });

  test("damaged is not overwritten by a new join", async () => {
    const path = join(folder, "identity.json");
    for (const text of ["{", "{}", "[]", '{"nodeId":1}']) {
      await writeFile(path, text);
      await expect(readIdentity(path)).rejects.toMatchObject({ code: "conflict" });
    }
  });
});

test("a job id that would be a path cannot become a container id", () => {
  for (const jobId of ["../x", "a/b", "", "A", "x".repeat(80)])
    expect(() => containerIdOf({ jobId, epoch: 1, rank: 0 })).toThrow(/container id/);
});

describe("the GPU ledger", () => {
  const healthy = new Map([
    ["GPU-a", true],
    ["GPU-b", false],
  ] as const);
  const refusal =
    (wanted: string[], holders: { containerId: string; gpuUuids: string[] }[] = []) =>
    () =>
      claimGpus("me", { gpuUuids: wanted }, holders, healthy);

  test("grants a free, healthy GPU, also to the holder itself", () => {
    expect(refusal(["GPU-a"], [{ containerId: "me", gpuUuids: ["GPU-a"] }])).not.toThrow();
  });

  test("gives parts of a GPU up to its whole and its memory, to one project and one way of sharing", () => {
    const half = { millis: 500, memoryBytes: 40, gpuMemoryBytes: 80, sharing: "time-slice" as const };
    const other = { containerId: "other", gpuUuids: ["GPU-a"], gpuShare: half, project: "red" };
    const claim = (changes: Partial<GpuShare> = {}, project = "red", holders = [other]) =>
      claimGpus("me", { gpuUuids: ["GPU-a"], gpuShare: { ...half, ...changes }, project }, holders, healthy);
    expect(() => claim()).not.toThrow();
    expect(() => claim({ millis: 501 })).toThrow("no room for 0.501 of it beside other");
    expect(() => claim({ memoryBytes: 41 })).toThrow("no room for 41 bytes");
    expect(() => claim({ sharing: "mps" })).toThrow("shared by time-slice with other");
    expect(() => claim({}, "blue")).toThrow("shared by project red (other)");
    expect(() => claim({ acrossProjects: true }, "blue")).not.toThrow();
    expect(refusal(["GPU-a"], [other])).toThrow("in use by other");
    // A container whose record was lost may have all of it.
    expect(() => claimGpus("me", { gpuUuids: ["GPU-a"], gpuShare: half }, [{ containerId: "x", gpuUuids: ["GPU-a"] }], healthy)).toThrow(
      "in use by x",
    );
  });

  test("refuses one that is held, ill, unknown or named twice", () => {
    expect(refusal(["GPU-a"], [{ containerId: "other", gpuUuids: ["GPU-a"] }])).toThrow("in use by other");
    expect(refusal(["GPU-b"])).toThrow("not healthy");
    expect(refusal(["GPU-c"])).toThrow("not on this node");
    expect(refusal(["GPU-a", "GPU-a"])).toThrow("assigned twice");
  });
});

test.each([
  [null, ["host"]],
  [{ allowHost: true }, ["private", "host"]],
  [{ allowHost: false }, ["private"]],
])("the user namespaces that a node reports are those that its engine gives: %o", (userns, modes) => {
  const setting = userns === null ? null : { ...userns, mapping: { uid: 1, gid: 1, count: 1 } };
  const fact = usernsFact(userns, userns === null ? null : "idmapped");
  expect(fact).toEqual({ modes, layers: userns === null ? null : "idmapped" });
  for (const mode of ["private", "host"] as const) {
    const choose = () => chooseUserNamespace(mode, setting);
    if (modes.includes(mode)) expect(choose).not.toThrow();
    else expect(choose).toThrow();
  }
});
