import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Clock, systemClock } from "../../src/shared/domain/index.ts";
import { type Member, type SecureControlPlane, startSecureControlPlane } from "./secure-control-plane.ts";

export const NODE_CERTIFICATE_MS = 3_600_000;

export const signal = (): AbortSignal => AbortSignal.timeout(120_000);

/** One control plane over TLS for the file, and a folder for what its tests make. */
export interface SecureCluster {
  plane: SecureControlPlane;
  folder: string;
  /** Called after the test, last first. */
  readonly cleanups: (() => Promise<unknown>)[];
  joined(name: string): Promise<Member>;
}

/** Registers the hooks that make and remove it. */
export function secureCluster(): SecureCluster {
  const cluster: SecureCluster = {
    ...({} as Pick<SecureCluster, "plane" | "folder">),
    cleanups: [],
    async joined(name) {
      const member = await cluster.plane.member(name, await cluster.plane.token());
      await member.membership.ensure(signal());
      return member;
    },
  };
  beforeAll(async () => {
    cluster.folder = await mkdtemp(join(tmpdir(), "berth-identity-"));
    cluster.plane = await startSecureControlPlane({ nodeCertificateMs: NODE_CERTIFICATE_MS });
  });
  afterEach(async () => {
    for (const cleanup of cluster.cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(async () => {
    await cluster.plane?.dispose();
    await rm(cluster.folder, { recursive: true, force: true });
  });
  return cluster;
}

/** A clock that is wrong by so much. */
export function clockAt(offsetMs: number): Clock {
  const clock = systemClock();
  return { ...clock, now: () => clock.now() + offsetMs, sleep: clock.sleep, monotonic: clock.monotonic };
}
