import type { ReservedWindow } from "../scheduler/index.ts";

/** The operator's reservations and maintenance windows. All methods throw redis_unavailable when the store is not reachable. */
export interface ReservationStore {
  /** By name; those that are over too, until they are removed. */
  list(): Promise<ReservedWindow[]>;
  /** False, with nothing written, when there is one of that name. */
  create(window: ReservedWindow): Promise<boolean>;
  /** False when there is none. */
  remove(name: string): Promise<boolean>;
}
