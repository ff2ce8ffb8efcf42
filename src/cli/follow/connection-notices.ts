import { errorText } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";

/** Says on stderr when a followed stream breaks and when it is back. */
export function connectionNotices(io: CliIo, label: string): (state: "lost" | "back", error: unknown) => void {
  return (state, error) => {
    const text = state === "lost" ? `connection to ${label} lost (${errorText(error)}); reconnecting` : `connected to ${label} again`;
    io.stderr.write(`${text}\n`);
  };
}
