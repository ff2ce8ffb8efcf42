import { BerthError } from "../../../shared/domain/index.ts";

/** The scripts' negative codes, named once. */
export function refusal(code: number, id: string, claim = "", conflict = "", owner = ""): BerthError {
  if (code === -1) return new BerthError("job_not_found", `no job ${id}`);
  if (code === -2) return new BerthError("conflict", `job ${id} changed in the meantime`);
  if (code === -3) return new BerthError("conflict", `${claim} ${conflict}`, { details: { claim, ...(owner === "" ? {} : { owner }) } });
  if (code === -4) return new BerthError("conflict", "another placement came in between");
  if (code === -5) return new BerthError("conflict", "another control plane schedules now");
  return new BerthError("internal", `a script returned ${code}`);
}
