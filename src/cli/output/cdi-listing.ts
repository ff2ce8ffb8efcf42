import type { ListedCdiDevice } from "../../node/gpu/index.ts";
import type { Listing } from "./formats.ts";

/** The table of `berth gpu cdi list`. */
export function cdiListing(): Listing<ListedCdiDevice> {
  return {
    columns: [
      { title: "DEVICE", value: (device) => device.name },
      { title: "FILE", value: (device) => device.file },
      {
        title: "STATE",
        value: (device) => (device.problem === null ? { text: "ok", style: "green" } : { text: device.problem, style: "red" }),
      },
    ],
    wide: [],
    name: (device) => device.name,
    empty: "no CDI devices",
  };
}
