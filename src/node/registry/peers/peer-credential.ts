import type { Clock } from "../../../shared/domain/index.ts";
import { createTokenSigner } from "../auth/token-signer.ts";

/** What nodes show each other: made from a key that they share. It opens every blob of a node, and nothing else. */
export interface PeerCredential {
  /** The value of an Authorization header. */
  header(): string;
  accepts(authorization: string | undefined): boolean;
}

const AUDIENCE = "peer";
/** Long enough for clocks that differ a little, short enough that a leaked one is soon worthless. */
const LIFETIME_MS = 10 * 60 * 1000;

export function createPeerCredential(key: Buffer, clock: Clock): PeerCredential {
  const signer = createTokenSigner(key, clock);
  return {
    header: () => `Bearer ${signer.sign({ aud: AUDIENCE, sub: "node", exp: Math.floor((clock.now() + LIFETIME_MS) / 1000), access: [] })}`,
    accepts(authorization) {
      const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? "") ?? [];
      return token !== undefined && signer.verify(token, AUDIENCE) !== null;
    },
  };
}
