import { BerthError } from "../../shared/domain/index.ts";

/**
 * The job id below which a page starts.
 * @throws BerthError invalid_request for a cursor that no list gave
 */
export function parseCursor(cursor: string | null): number {
  if (cursor === null) return Number.MAX_SAFE_INTEGER;
  if (!/^[1-9]\d{0,14}$/.test(cursor))
    throw new BerthError("invalid_request", `${JSON.stringify(cursor)} is not a cursor`, { field: "/cursor" });
  return Number(cursor);
}
