import type { ReservationView } from "../../shared/wire/index.ts";
import type { Listing } from "./formats.ts";

/** The table of `berth reservation ls`. */
export function reservationListing(): Listing<ReservationView> {
  const moment = (milliseconds: number) => `${new Date(milliseconds).toISOString().slice(0, 16)}Z`;
  return {
    columns: [
      { title: "NAME", value: (one) => one.name },
      { title: "FROM", value: (one) => moment(one.from) },
      { title: "TO", value: (one) => moment(one.to) },
      { title: "FOR", value: (one) => (one.projects.length === 0 ? "maintenance" : one.projects.join(",")) },
      { title: "NODES", value: (one) => String(one.nodes.length), align: "right" },
    ],
    wide: [{ title: "NODE NAMES", value: (one) => one.nodes.join(",") }],
    name: (one) => one.name,
    empty: "nothing is reserved",
  };
}
