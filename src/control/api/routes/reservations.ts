import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type NodeRecord } from "../../../shared/domain/index.ts";
import {
  type ReservationInput,
  ReservationInputSchema,
  ReservationListSchema,
  type ReservationParams,
  ReservationParamsSchema,
  type ReservationView,
} from "../../../shared/wire/index.ts";
import { reservedNodes } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

const tag = "reservations";

/** Reservations are the operator's: everybody may see what keeps a job away. */
export function reservations(app: FastifyInstance, deps: ApiDeps): void {
  const store = deps.stores.reservations;
  app.get(
    "/v1/reservations",
    route({
      ...{ access: "user", tag, operationId: "listReservations", summary: "Reservations and maintenance windows" },
      response: { 200: ReservationListSchema },
    }),
    async () => ({ items: await store.list() }),
  );
  app.post<{ Body: ReservationInput }>(
    "/v1/reservations",
    route({
      ...{ access: "operator", tag, operationId: "createReservation", summary: "Keep nodes for projects, or for maintenance" },
      body: ReservationInputSchema,
      response: { 201: Type.Ref("Reservation#") },
    }),
    async (request, reply) => {
      const { name, from, to, projects = [] } = request.body;
      const now = deps.clock.now();
      if (!(to > from) || to <= now) throw new BerthError("invalid_request", "a reservation must end in the future, after it begins");
      const nodes = await nodesFor(deps, request.body);
      const window: ReservationView = { name, nodes, from, to, projects };
      if (!(await store.create(window))) throw new BerthError("conflict", `there is a reservation ${name}: remove it first`);
      request.log.info({ reservation: window }, "reservation created");
      void deps.queues.wakeScheduler("reservation-created");
      return reply.code(201).send(window);
    },
  );
  app.delete<{ Params: ReservationParams }>(
    "/v1/reservations/:name",
    route({
      ...{ access: "operator", tag, operationId: "removeReservation", summary: "End a reservation" },
      params: ReservationParamsSchema,
      response: { 204: Type.Null() },
    }),
    async (request, reply) => {
      const { name } = request.params;
      if (!(await store.remove(name))) throw new BerthError("reservation_not_found", `no reservation ${JSON.stringify(name)}`);
      void deps.queues.wakeScheduler("reservation-removed");
      return reply.code(204).send();
    },
  );
}

async function nodesFor({ stores }: ApiDeps, input: ReservationInput): Promise<string[]> {
  const { nodes, count } = input;
  if ((nodes === undefined) === (count === undefined)) throw new BerthError("invalid_request", "name either nodes or a count of nodes");
  const records = await stores.nodes.list();
  if (nodes !== undefined) return known(nodes, records);
  const [view, others] = await Promise.all([stores.jobs.queue(1), stores.reservations.list()]);
  const chosen = reservedNodes(records, view.active, others, { ...input, count: count ?? 1 });
  if (chosen === null) throw new BerthError("conflict", `fewer than ${count} ready nodes are free of other reservations then`);
  return chosen;
}

function known(nodes: readonly string[], records: readonly NodeRecord[]): string[] {
  const missing = nodes.find((name) => !records.some(({ id }) => id === name));
  if (missing !== undefined) throw new BerthError("node_not_found", `no node ${JSON.stringify(missing)}`);
  if (nodes.length === 0) throw new BerthError("invalid_request", "a reservation needs a node");
  return [...nodes].sort();
}
