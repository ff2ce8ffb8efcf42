import { errorText } from "../../../shared/domain/index.ts";
import type { BridgeNetwork, NetworkSlot } from "./bridge-network.ts";

export interface NetworkPool {
  /** A slot made beforehand when there is one: making one takes about as long as the rest of a start together. */
  acquire(): Promise<NetworkSlot>;
  /** See BridgeNetwork.publish. */
  publish: BridgeNetwork["publish"];
  /** Removes a used slot. Never handed out again: the next container must not find anything of the last. */
  release(name: string): Promise<void>;
  /** Begins to keep `size` slots ready. */
  warm(): void;
  /** Removes every slot but those `inUse`, a crash's leftovers too. */
  sweep(inUse: ReadonlySet<string>): Promise<void>;
  /** Removes the ready ones, and the bridge when nobody uses a slot. */
  close(inUse: ReadonlySet<string>): Promise<void>;
}

/** Makes nothing before `warm`; `onError` hears why a slot could not be made beforehand. */
export function createNetworkPool(options: { network: BridgeNetwork; size: number; onError: (message: string) => void }): NetworkPool {
  const ready: NetworkSlot[] = [];
  let filling: Promise<void> = Promise.resolve();
  let warming = false;

  const fill = async (): Promise<void> => {
    while (warming && ready.length < options.size) ready.push(await options.network.createSlot());
  };
  const refill = (): void => {
    filling = filling.then(fill).catch((error: unknown) => {
      // Asked for again by the next acquire(), which then reports the error to its caller.
      options.onError(`cannot prepare a network: ${errorText(error)}`);
    });
  };
  const sweep = async (inUse: ReadonlySet<string>): Promise<void> => {
    const keep = new Set([...inUse, ...ready.map((slot) => slot.name)]);
    const unused = (await options.network.listSlots()).filter((name) => !keep.has(name));
    for (const name of unused) await options.network.removeSlot(name);
  };

  return {
    async acquire() {
      const slot = ready.shift();
      if (warming) refill();
      return slot ?? options.network.createSlot();
    },
    publish: options.network.publish,
    release: (name) => options.network.removeSlot(name),
    warm() {
      if (options.size === 0) return;
      warming = true;
      refill();
    },
    sweep,
    async close(inUse) {
      warming = false;
      await filling;
      ready.length = 0;
      await sweep(inUse);
      if (inUse.size === 0) await options.network.removeBridge();
    },
  };
}
