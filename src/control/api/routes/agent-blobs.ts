import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import {
  type BlobClaimRequest,
  BlobClaimRequestSchema,
  BlobClaimResponseSchema,
  type BlobHoldRequest,
  BlobHoldRequestSchema,
} from "../../../shared/wire/index.ts";
import { nearestHolders } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeOf } from "./node-of.ts";
import { nodePlaces } from "./node-places.ts";

/** A node speaks for itself only: its name is the one it proved, its address is worth nothing without its certificate. */
const peerOf = (request: FastifyRequest, address: string) => ({ nodeId: nodeOf(request), address });

/** Asked one after the other; more would only be names. */
const MOST_PEERS = 8;

/**
 * Who has a layer, for nodes with --peer-listen: of those that start a cold image together one is told to fetch it. Losing
 * all of it costs transfers, not correctness: every blob is verified by its digest.
 */
export function agentBlobs(app: FastifyInstance, { stores, clock }: ApiDeps): void {
  const places = nodePlaces(stores.nodes, clock);
  app.post<{ Body: BlobClaimRequest }>(
    "/agent/v1/blobs/claim",
    route({
      access: "node",
      tag: "agent",
      operationId: "claimBlob",
      summary: "Learn which peers have a blob, or that this node is the one to fetch it",
      body: BlobClaimRequestSchema,
      response: { 200: BlobClaimResponseSchema },
    }),
    async (request) => {
      const { digest, address, exhausted } = request.body;
      const asker = peerOf(request, address);
      const claim = await stores.blobs.claim(digest, asker, exhausted, clock.now());
      if (claim.holders.length === 0) return claim;
      return { ...claim, holders: nearestHolders({ digest, asker: asker.nodeId }, claim.holders, await places(), MOST_PEERS) };
    },
  );
  app.post<{ Body: BlobHoldRequest }>(
    "/agent/v1/blobs/held",
    route({
      access: "node",
      tag: "agent",
      operationId: "holdBlobs",
      summary: "Tell which blobs the node has, and which it has no more",
      body: BlobHoldRequestSchema,
      response: { 204: Type.Null() },
    }),
    async (request, reply) => {
      const { address, held, dropped } = request.body;
      const peer = peerOf(request, address);
      await stores.blobs.hold(peer, held, clock.now());
      for (const digest of dropped) await stores.blobs.drop(peer, digest);
      return reply.code(204).send();
    },
  );
}
