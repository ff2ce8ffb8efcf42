import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../shared/domain/index.ts";
import type { EngineCore } from "./engine-core.ts";
import { type Releasable, release } from "./release.ts";

/**
 * Removes what a crash left and no container owns: runtime state, cgroups, networks, leases, exit codes.
 * `spare` are ids whose folders could not be read: theirs is left alone.
 */
export async function sweep(core: EngineCore, spare: ReadonlySet<string>): Promise<void> {
  const known = new Set([...core.table.list().map((record) => record.request.id), ...spare]);
  for (const orphan of await orphans(core, known)) {
    await release(core, orphan).catch((error: unknown) => {
      core.options.logger.error({ container: orphan.request.id }, `cannot remove the leftovers of a container: ${errorText(error)}`);
    });
  }
  await core.leases.sweep(known);
  await sweepExits(core, known);
  await core.networks.sweep(slotsInUse(core));
}

/** Network slots that containers hold. */
export function slotsInUse(core: EngineCore): Set<string> {
  return new Set(core.table.list().flatMap(({ network, phase }) => (network && phase !== "exited" ? [network.slot] : [])));
}

async function orphans(core: EngineCore, known: ReadonlySet<string>): Promise<Releasable[]> {
  const found = new Map<string, Releasable>();
  for (const id of await core.cgroups.list(core.paths.cgroup)) found.set(id, { request: { id } });
  for (const runtime of core.runtimes.values()) {
    for (const id of await runtime.list()) found.set(id, { request: { id }, runtime: runtime.name });
  }
  return [...found.values()].filter(({ request }) => !known.has(request.id));
}

/** "<id>", or "<id>.XXXXXX" while conmon writes it. */
async function sweepExits(core: EngineCore, known: ReadonlySet<string>): Promise<void> {
  const names = await readdir(core.paths.exits);
  const unknown = names.filter((name) => !known.has(name.split(".")[0] ?? ""));
  await Promise.all(unknown.map((name) => rm(join(core.paths.exits, name), { force: true })));
}
