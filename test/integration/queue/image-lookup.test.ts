import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createImageLookup, createLookupRule, DEFAULT_LOOKUP, readImageFacts } from "../../../src/control/images/index.ts";
import { createMemoryStores, createScheduleLoop, desiredFor } from "../../../src/control/jobs/index.ts";
import { createImageQueue, type ImageQueue } from "../../../src/control/queue/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { createEnsureImage } from "../../../src/node/agent/ensure-image.ts";
import { replicaImage } from "../../../src/node/agent/replica-image.ts";
import { type Clock, heldLayers, type JobSpec, NO_RULES, systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess, type RegistryAccess } from "../../../src/shared/oci/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";
import { type DockerRegistry, startDockerRegistry } from "../../support/docker-registry.ts";
import { freePort } from "../../support/free-port.ts";
import { addLayered } from "../../support/layered-image.ts";
import { until } from "../../support/poll.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

const LOGIN = { username: "ada", password: "correct horse: battery" };

const RULE = createLookupRule(DEFAULT_LOOKUP);

let redis: TestRedis;
let registry: DockerRegistry;
let closed: DockerRegistry;
let images: TestStore;
let access: RegistryAccess;
const queues: ImageQueue[] = [];

beforeAll(async () => {
  [redis, registry, closed, images] = await Promise.all([
    startRedis(),
    startDockerRegistry(),
    startDockerRegistry({ login: LOGIN }),
    openTestStore(),
  ]);
  access = createRegistryAccess({ env: { HOME: images.dataDir }, clock: systemClock() });
});
afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.close()));
});
afterAll(async () => {
  await access.close();
  await Promise.all([redis.stop(), registry.stop(), closed.stop(), images.remove()]);
});

/** An image that asks for a CUDA, in the registry; returns its name. */
async function pushRequiring(cuda: string, ...more: string[]): Promise<string> {
  const reference = `${registry.host}/team/cuda:${cuda}`;
  const tiny = await addTinyImage(images.store, `local/tiny:${cuda}`);
  const config = { ...tiny.config, config: { ...tiny.config.config, Env: ["PATH=/bin", `NVIDIA_REQUIRE_CUDA=cuda>=${cuda}`, ...more] } };
  await images.store.commit({ config, layers: tiny.layers, reference });
  await images.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  return reference;
}

/** Time stands still: on a busy machine a job may wait for its look-up longer than the scheduler would. */
function still(): Clock {
  const now = Date.now();
  return { ...systemClock(), now: () => now };
}

/** Node "old" (CUDA 12.2), which best fit prefers, and the larger "new" (CUDA 12.6); looks images up through Redis. */
async function cluster(clock = still()) {
  const stores = createMemoryStores();
  for (const [id, gpus, cudaVersion, driverVersion] of [["old", 1, "12.2", "535.104"] as const, ["new", 4, "12.6", "560.28"] as const]) {
    await stores.nodes.join(id, clock.now());
    const facts = factsOf(id, gpus, { cudaVersion, driverVersion });
    await stores.nodes.recordSync({ nodeId: id, incarnation: "i", bootId: "b", sentAt: 1, address: "10.0.0.1", facts }, clock.now());
  }
  const woken: string[] = [];
  const lookup = createImageLookup({ ...stores, registries: access, rule: RULE, clock, wakeScheduler: (reason) => woken.push(reason) });
  const queue = createImageQueue({ redis: { unixPath: redis.socketPath }, lookUp: lookup.lookUp });
  queues.push(queue);
  const hints = { nudgeNode: async () => {} };
  const loop = createScheduleLoop({
    store: stores.jobs,
    arrays: stores.arrays,
    nodes: stores.nodes,
    decide,
    queues: hints,
    clock,
    isHeld: RULE.awaits,
  });
  const submit = async (spec: Partial<Omit<JobSpec, "resources">>, gpus = 1) =>
    (await stores.jobs.submit({ spec: specOf({ ...spec, resources: { gpus } }), user: "ada", idempotencyKey: null }, clock.now())).job.id;
  const get = async (id: string) => {
    const job = await stores.jobs.get(id);
    if (job === null) throw new Error(`no job ${id}`);
    return job;
  };
  /** Sent again until it is heard: what is sent before the connection stands is dropped. */
  const lookedUp = (id: string) =>
    until("the look-up", 60, async () => {
      if ((await get(id)).imageRequirements !== undefined) return true;
      await queue.add(id);
      return false;
    });
  const notes = async (id: string) =>
    (await stores.jobs.events(id, null)).filter(({ type }) => type === "image").map(({ message }) => message);
  const desired = async (nodeId: string) => desiredFor({ id: nodeId, state: "ready" }, await stores.jobs.onNode(nodeId));
  return { loop, submit, get, lookedUp, notes, desired, woken };
}

test("a job goes to the node whose driver has the CUDA that its image requires, or waits and says why", async () => {
  const { loop, submit, get, lookedUp, notes, woken } = await cluster();
  const image = await pushRequiring("12.4");
  const fits = await submit({ image });
  const never = await submit({ image: await pushRequiring("13.0") });
  await loop.pass();
  expect([(await get(fits)).state, (await get(never)).state]).toEqual(["pending", "pending"]);

  await Promise.all([lookedUp(fits), lookedUp(never)]);
  expect(woken).toContain(`image of job ${fits} looked up`);
  await loop.pass();
  expect((await get(fits)).attempt?.assignments).toMatchObject([{ nodeId: "new" }]);
  expect(await notes(fits)).toEqual([`${image} requires cuda >= 12.4`]);
  expect((await get(never)).pendingReason).toMatch(/CUDA 12\.[26] < 13\.0/);
});

test("a tag that moves between the starts of two replicas: both run what it meant when the job was submitted", async () => {
  const { loop, submit, get, lookedUp, desired } = await cluster();
  const image = await pushRequiring("11.0");
  const first = (await images.store.get(image)).digest;
  const id = await submit({ image, replicas: 2, placement: { ...NO_RULES, maxPerNode: 1 } });
  await lookedUp(id);
  await loop.pass();
  expect((await get(id)).attempt?.assignments.map(({ nodeId }) => nodeId).sort()).toEqual(["new", "old"]);
  const nodes = [await openTestStore(), await openTestStore()] as const;
  const start = async (store: TestStore, nodeId: string) => {
    const [replica] = await desired(nodeId);
    if (replica === undefined) throw new Error(`nothing to run on ${nodeId}`);
    expect(replica.spec.image).toBe(image);
    const ensure = createEnsureImage({ images: store.store, registries: access });
    return (await ensure(replicaImage(replica.spec), () => undefined, neverAborted(), replica.spec.pull)).digest;
  };
  try {
    const before = await start(nodes[0], "old");
    await pushRequiring("11.0", "moved=1");
    expect((await images.store.get(image)).digest).not.toBe(first);
    expect([before, await start(nodes[1], "new")]).toEqual([first, first]);
  } finally {
    await Promise.all(nodes.map((node) => node.remove()));
  }
});

test("an array is looked up once, and every task runs what its name meant then", async () => {
  const { loop, submit, get, lookedUp, notes } = await cluster();
  const image = await pushRequiring("12.4", "array=1");
  const id = await submit({ image, array: { indexes: "0-2", limit: 2 } });
  await loop.pass();
  expect((await get(id)).array?.waiting).toBe("0-2");
  await lookedUp(id);
  await loop.pass();
  const { digest } = await images.store.get(image);
  const tasks = [await get(String(Number(id) + 1)), await get(String(Number(id) + 2))];
  for (const task of tasks) expect(task).toMatchObject({ task: { arrayId: id }, imageDigest: digest, imageArchitectures: ["amd64"] });
  expect(tasks.map(({ attempt }) => attempt?.assignments[0]?.nodeId)).toEqual(["new", "new"]);
  expect(await notes(id)).toEqual([`${image} requires cuda >= 12.4`]);
});

test("a job without GPUs runs one digest too, on a node of the image's CPU architecture, whatever its driver", async () => {
  const { loop, submit, get, lookedUp } = await cluster();
  const image = await pushRequiring("13.2");
  const id = await submit({ image }, 0);
  await lookedUp(id);
  expect(await get(id)).toMatchObject({
    imageRequirements: [],
    imageArchitectures: ["amd64"],
    imageDigest: (await images.store.get(image)).digest,
  });
  await loop.pass();
  expect((await get(id)).state).toBe("starting");
});

test("the large layers that a registry lists are those that a node with the image says it holds", async () => {
  const { submit, get, lookedUp } = await cluster();
  const reference = `${registry.host}/team/large:1`;
  await addLayered(images.store, reference, [
    [rawEntry({ name: "large", body: randomBytes(9 * 2 ** 20) })],
    [rawEntry({ name: "small", body: randomBytes(1000) })],
  ]);
  await images.store.push({ reference, client: await access.clientFor(reference, null) }, () => undefined, neverAborted());
  const id = await submit({ image: reference }, 0);
  await lookedUp(id);
  const { imageLayers = [] } = await get(id);
  expect(imageLayers).toHaveLength(1);
  expect(imageLayers[0]?.sizeBytes).toBeGreaterThan(9 * 2 ** 20);
  expect(heldLayers((await images.store.list()).flatMap(({ layers }) => layers))).toEqual(imageLayers.map(({ key }) => key));
});

test("a private address is asked only when the operator named it, by a name or a redirect too", async () => {
  const asking = (privateHosts: string[]) => createRegistryAccess({ env: { HOME: images.dataDir }, clock: systemClock(), privateHosts });
  const factsBy = async (registries: RegistryAccess, host = registry.host) => {
    const spec = specOf({ image: `${host}/team/cuda:12.4`, resources: { gpus: 1 } });
    const facts = await readImageFacts(registries, spec, neverAborted(), 60_000);
    await registries.close();
    return facts;
  };
  await pushRequiring("12.4");
  const refused = expect.stringMatching(/ is not at a public address and not among the registries that the operator named/);
  expect(await factsBy(asking([]))).toMatchObject({ digest: null, requirements: [], note: refused });
  expect(await factsBy(asking(["ghcr.io"]), registry.host.replace("127.0.0.1", "localhost"))).toMatchObject({ note: refused });
  const linkLocal = expect.stringMatching(/169\.254\.169\.254:80 is a link-local address: no registry is asked there/);
  for (const named of [[], ["169.254.169.254:80"]])
    expect(await factsBy(asking(named), "169.254.169.254:80")).toMatchObject({ digest: null, note: linkLocal });
  expect(await factsBy(asking([]), "[::ffff:10.0.0.1]:5000")).toMatchObject({ digest: null });
  expect((await factsBy(asking([registry.host]))).digest).toMatch(/^sha256:/);
  expect((await factsBy(asking(["127.0.0.0/8"]))).digest).toMatch(/^sha256:/);
});

test("who says that the node's own image will do gets it, whatever the registry says", async () => {
  const { submit, get, lookedUp } = await cluster();
  const id = await submit({ image: await pushRequiring("11.1"), pull: "missing" });
  await lookedUp(id);
  expect(await get(id)).not.toHaveProperty("imageDigest");
  expect((await get(id)).imageRequirements).toHaveLength(1);
});

test("the job's own variables win over the image's, as in its container", async () => {
  const { submit, get, lookedUp } = await cluster();
  const id = await submit({ image: await pushRequiring("13.1"), env: { NVIDIA_DISABLE_REQUIRE: "true" } });
  await lookedUp(id);
  expect((await get(id)).imageRequirements).toEqual([]);
});

test("a registry that wants credentials, or lacks the image, leaves it to the node and says so", async () => {
  const { loop, submit, get, lookedUp, notes } = await cluster();
  const secret = await submit({ image: `${closed.host}/team/secret:1` });
  const missing = await submit({ image: `${registry.host}/team/missing:1` });
  await Promise.all([lookedUp(secret), lookedUp(missing)]);
  for (const id of [secret, missing])
    expect(await notes(id)).toEqual([expect.stringMatching(/^cannot read what .* requires of a GPU: .*; the node judges when it starts$/)]);
  await loop.pass();
  expect([(await get(secret)).state, (await get(missing)).state]).toEqual(["starting", "starting"]);
});

test("a job whose image nobody looks up is placed after three seconds", async () => {
  let now = 1_700_000_000_000;
  const { loop, submit, get } = await cluster({ ...systemClock(), now: () => now, monotonic: () => now });
  const id = await submit({ image: `127.0.0.1:${await freePort()}/gone:1` });
  now += 2900;
  await loop.pass();
  expect((await get(id)).state).toBe("pending");
  now += 200;
  await loop.pass();
  expect((await get(id)).state).toBe("starting");
});

test("short names and jobs that never pull are not looked up, nor what the operator does not want to be asked", async () => {
  const { submit, get } = await cluster();
  const image = `${registry.host}/team/cuda:12.4`;
  const ids = [
    await submit({ image: "trainer:1" }),
    await submit({ image, pull: "never" }),
    await submit({ image }, 0),
    await submit({ image }),
  ];
  const jobs = await Promise.all(ids.map(get));
  expect(jobs.map(RULE.wants)).toEqual([false, false, true, true]);
  expect(jobs.map(createLookupRule({ mode: "off", registries: [registry.host] }).wants)).not.toContain(true);
  expect(jobs.map(createLookupRule({ mode: "listed", registries: ["ghcr.io"] }).wants)).not.toContain(true);
  expect(jobs.map(createLookupRule({ mode: "listed", registries: [registry.host] }).wants)).toEqual([false, false, true, true]);
});
