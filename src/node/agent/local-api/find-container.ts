import { BerthError } from "../../../shared/domain/index.ts";
import type { Container, Engine } from "../../engine/index.ts";

/**
 * The container that a person means: its id, or a job's id and the rank of a replica (its newest attempt).
 * @throws BerthError container_not_found
 */
export function findContainer(engine: Pick<Engine, "list">, name: string, rank: number): Container {
  const all = engine.list();
  const byId = all.find(({ id }) => id === name);
  if (byId !== undefined) return byId;
  const ofJob = all.filter(({ labels }) => labels["berth.job"] === name && Number(labels["berth.rank"]) === rank);
  const [newest] = ofJob.sort((a, b) => Number(b.labels["berth.epoch"]) - Number(a.labels["berth.epoch"]));
  if (newest !== undefined) return newest;
  throw new BerthError(
    "container_not_found",
    `no container ${JSON.stringify(name)}, and no replica ${rank} of a job of that number, on this node: a replica that ended is removed within seconds`,
  );
}
