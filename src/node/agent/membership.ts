import { BerthError, isBerthError } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import { type Identity, readIdentity, writeIdentity } from "./identity.ts";

export interface MembershipPort {
  client: Pick<ControlPlaneClient, "join" | "localJoinToken">;
  identityPath: string;
  name: string;
  /** The operator's token; null without one. */
  token: string | null;
  /** The control plane is on this machine's socket and gives out tokens itself. */
  local: boolean;
  log: Logger;
  /** Sees to the node's certificate where one is needed; called with every `ensure`, so it must be quick when there is nothing to do. */
  certify?(nodeId: string, signal: AbortSignal): Promise<void>;
}

export interface Membership {
  current(): Identity | null;
  /** The stored identity, or a new one by joining. Throws what the control plane answered. */
  ensure(signal: AbortSignal): Promise<Identity>;
  /** The control plane does not know the credential: joins again where a token allows it. */
  rejoin(signal: AbortSignal): Promise<Identity>;
}

/** Holds the identity in memory; on disk it is before anything is signed with it. */
export function createMembership(port: MembershipPort): Membership {
  let identity: Identity | null = null;
  const join = async (signal: AbortSignal): Promise<Identity> => {
    const token = port.token ?? (port.local ? await port.client.localJoinToken(signal) : null);
    if (token === null) throw new BerthError("unauthorized", "this node has not joined: pass --token from `berth token create`");
    const { nodeId, credential } = await port.client.join({ token, name: port.name }, signal);
    await writeIdentity(port.identityPath, { nodeId, credential });
    port.log.info({ node: nodeId, name: port.name }, "joined the control plane");
    identity = { nodeId, credential };
    return identity;
  };
  const rejoin = async (signal: AbortSignal): Promise<Identity> => {
    const old = identity?.nodeId ?? "unknown";
    port.log.error({ node: old }, "the control plane does not know this node's credential: it was removed, or the data is lost");
    try {
      return await join(signal);
    } catch (error) {
      if (!isBerthError(error, "unauthorized")) throw error;
      throw new BerthError("unauthorized", `node ${old} is unknown to the control plane; join again with a new --token`, {
        cause: error,
      });
    }
  };
  return {
    current: () => identity,
    async ensure(signal) {
      identity ??= await readIdentity(port.identityPath);
      const member = identity ?? (await join(signal));
      try {
        await port.certify?.(member.nodeId, signal);
        return member;
      } catch (error) {
        // A node that was removed has an identity that is worth nothing; with a new token it comes back.
        if (!isBerthError(error, "unauthorized")) throw error;
      }
      const again = await rejoin(signal);
      await port.certify?.(again.nodeId, signal);
      return again;
    },
    rejoin,
  };
}
