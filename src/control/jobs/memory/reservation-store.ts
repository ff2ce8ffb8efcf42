import type { ReservedWindow } from "../../scheduler/index.ts";
import type { ReservationStore } from "../reservation-store.ts";

/** Passes the contract suite of the Redis one. */
export function createMemoryReservationStore(): ReservationStore {
  const windows = new Map<string, ReservedWindow>();
  return {
    list: async () => [...windows.values()].sort((left, right) => (left.name < right.name ? -1 : 1)),
    create: async (window) => {
      if (windows.has(window.name)) return false;
      windows.set(window.name, window);
      return true;
    },
    remove: async (name) => windows.delete(name),
  };
}
