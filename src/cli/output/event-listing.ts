import type { JobEvent } from "../../shared/domain/index.ts";
import type { Listing } from "./formats.ts";
import { timestamp } from "./time.ts";

/** The table of `berth events`. */
export function eventListing(): Listing<JobEvent> {
  return {
    columns: [
      { title: "TIME", value: (event) => timestamp(event.at) },
      { title: "EPOCH", value: (event) => event.epoch, align: "right" },
      { title: "EVENT", value: (event) => event.type },
      { title: "MESSAGE", value: (event) => event.message },
    ],
    wide: [{ title: "ID", value: (event) => event.id }],
    name: (event) => `event/${event.id}`,
    empty: "no events",
  };
}
