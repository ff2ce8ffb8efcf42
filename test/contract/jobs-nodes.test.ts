import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Stores } from "../../src/control/jobs/index.ts";
import { factsOf } from "../support/control-samples.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const T = 1_700_000_000_000;

/** What every adapter of the node and token stores promises. */
describe.each(storeAdapters())("nodes and tokens over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("a name is admitted once, and again only when its node is lost", async () => {
    const joined = await stores.nodes.join("node-a", T);
    expect(await stores.nodes.authenticate("node-a", joined.credential)).toBe(true);
    expect(await stores.nodes.authenticate("node-a", `${joined.credential}x`)).toBe(false);
    expect(await stores.nodes.authenticate("nobody", joined.credential)).toBe(false);
    const again = await stores.nodes.join("node-a", T);
    expect(await stores.nodes.authenticate("node-a", joined.credential)).toBe(false);
    const record = await stores.nodes.recordSync(nodeReport("node-a", "boot-1", 1), T);
    await expect(stores.nodes.join("node-a", T)).rejects.toMatchObject({ code: "conflict" });
    expect(await stores.nodes.setState(record, "lost")).toBe(true);
    expect((await stores.nodes.join("node-a", T)).credential).not.toBe(again.credential);
  });

  test("a node is listed after its first sync, and keeps to the order of its own clock", async () => {
    await expect(stores.nodes.recordSync(nodeReport("stranger", "boot-1", 1), T)).rejects.toMatchObject({ code: "node_not_found" });
    await stores.nodes.join("node-b", T);
    expect(await stores.nodes.get("node-b")).toBeNull();
    const record = await stores.nodes.recordSync(nodeReport("node-b", "boot-1", 100.5), T + 1);
    expect(record).toMatchObject({ id: "node-b", state: "ready", joinedAt: T, lastSeenAt: T + 1 });
    expect(await stores.nodes.get("node-b")).toEqual(record);
    expect((await stores.nodes.list()).map(({ id }) => id)).toContain("node-b");
    expect(await stores.nodes.lastSentAt("node-b")).toBe(100.5);
    await expect(stores.nodes.recordSync(nodeReport("node-b", "boot-1", 100.5), T)).rejects.toMatchObject({ code: "conflict" });
  });

  test("a new boot makes the node lost until it is readmitted, and the old boot cannot speak again", async () => {
    await stores.nodes.join("node-c", T);
    await stores.nodes.recordSync(nodeReport("node-c", "boot-1", 500), T);
    const rebooted = await stores.nodes.recordSync(nodeReport("node-c", "boot-2", 3), T + 1);
    expect(rebooted.state).toBe("lost");
    await expect(stores.nodes.recordSync(nodeReport("node-c", "boot-1", 501), T)).rejects.toMatchObject({ code: "conflict" });
    expect((await stores.nodes.recordSync(nodeReport("node-c", "boot-2", 4), T + 2)).state).toBe("lost");
    expect(await stores.nodes.setState(rebooted, "ready")).toBe(false);
    const current = await stores.nodes.get("node-c");
    expect(current !== null && (await stores.nodes.setState(current, "ready"))).toBe(true);
    expect((await stores.nodes.recordSync(nodeReport("node-c", "boot-2", 5), T + 3)).state).toBe("ready");
  });

  test("what an operator said of a node outlives its syncs, and two at once lose nothing", async () => {
    await stores.nodes.join("node-d", T);
    await expect(stores.nodes.control("node-d", (controls) => controls)).rejects.toMatchObject({ code: "node_not_found" });
    await stores.nodes.recordSync(nodeReport("node-d", "boot-1", 1), T);
    const taint = (key: string) =>
      stores.nodes.control("node-d", (controls) => ({ ...controls, taints: [...controls.taints, { key, value: "" }] }));
    await Promise.all([taint("one"), taint("two"), taint("three")]);
    const after = await stores.nodes.recordSync(nodeReport("node-d", "boot-1", 2), T + 1);
    expect(after.controls?.taints.map(({ key }) => key).sort()).toEqual(["one", "three", "two"]);
    expect((await stores.nodes.list()).find(({ id }) => id === "node-d")?.controls).toEqual(after.controls);
  });

  test("tokens serve one purpose and end", async () => {
    const now = Date.now();
    const { token, expiresAt } = await stores.tokens.create("join", 60, now);
    expect(expiresAt).toBe(now + 60_000);
    expect(await stores.tokens.verify("join", token, now)).toBe(true);
    expect(await stores.tokens.verify("api", token, now)).toBe(false);
    expect(await stores.tokens.verify("join", `${token}x`, now)).toBe(false);
    expect(await stores.tokens.verify("join", token, expiresAt)).toBe(false);
  });

  test("a join token is for one node, who may use it again until it ends", async () => {
    const now = Date.now();
    const { token, expiresAt } = await stores.tokens.create("join", 60, now);
    const api = await stores.tokens.create("api", 60, now);
    expect(await stores.tokens.claimJoin(`${token}x`, "claimer", now)).toBe("unknown");
    expect(await stores.tokens.claimJoin(api.token, "claimer", now)).toBe("unknown");
    const claims = await Promise.all(["claimer", "thief"].map((name) => stores.tokens.claimJoin(token, name, now)));
    expect(claims).toEqual(["ok", "used"]);
    expect(await stores.tokens.claimJoin(token, "claimer", now)).toBe("ok");
    expect(await stores.tokens.claimJoin(token, "claimer", expiresAt)).toBe("unknown");
  });

  test("a removed node is forgotten with its credential, and its name is free", async () => {
    const { credential } = await stores.nodes.join("leaving", T);
    await stores.nodes.recordSync(nodeReport("leaving", "b1", 1), T);
    await stores.nodes.remove("leaving");
    expect(await stores.nodes.authenticate("leaving", credential)).toBe(false);
    expect(await stores.nodes.get("leaving")).toBeNull();
    expect((await stores.nodes.list()).map(({ id }) => id)).not.toContain("leaving");
    await expect(stores.nodes.remove("leaving")).rejects.toMatchObject({ code: "node_not_found" });
    await stores.nodes.join("leaving", T);
  });
});

function nodeReport(nodeId: string, bootId: string, sentAt: number) {
  return { nodeId, bootId, sentAt, incarnation: "i1", address: "10.0.0.5", facts: factsOf(nodeId, 2) };
}
