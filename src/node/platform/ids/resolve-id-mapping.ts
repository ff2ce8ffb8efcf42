import { BerthError } from "../../../shared/domain/index.ts";
import type { IdMapping } from "./id-mapping.ts";

/** The texts of the host's user database. */
export interface IdFiles {
  passwd: string;
  group: string;
  subuid: string;
  subgid: string;
}

/** Whose ranges "default" means, as Docker's is "dockremap". */
const DEFAULT_OWNER = "berth";
/** What images and their nobody (65534) need. */
const LEAST_IDS = 65_536;

/**
 * dockerd's --userns-remap: "default", "user" or "user:group", names or numbers, looked up in subuid(5) and subgid(5); of
 * several ranges the first that is large enough is taken.
 * @throws BerthError missing_requirement (no range), invalid_request
 */
export function resolveIdMapping(option: string, files: IdFiles): IdMapping {
  const [user = "", group = user, ...rest] = (option === "default" ? DEFAULT_OWNER : option).split(":");
  if (user === "" || group === "" || rest.length > 0) {
    throw new BerthError("invalid_request", `--userns-remap ${JSON.stringify(option)} is not default, USER or USER:GROUP`);
  }
  const uids = findRange(files.subuid, namesOf(user, files.passwd), { owner: user, file: "/etc/subuid" });
  const gids = findRange(files.subgid, namesOf(group, files.group), { owner: group, file: "/etc/subgid" });
  return { uid: uids.first, gid: gids.first, count: Math.min(uids.count, gids.count) };
}

/** A range may be given to a name or to its number. */
function namesOf(name: string, database: string): ReadonlySet<string> {
  const rows = database.split("\n").map((line) => line.split(":"));
  const row = rows.find(([entry, , id]) => entry === name || id === name);
  return new Set([name, ...(row === undefined ? [] : [row[0] as string, row[2] as string])]);
}

function findRange(text: string, names: ReadonlySet<string>, { owner, file }: { owner: string; file: string }) {
  const ranges = text.split("\n").flatMap((line) => {
    const [name = "", first = "", count = ""] = line.trim().split(":");
    return names.has(name) && /^\d+$/.test(first) && /^\d+$/.test(count) ? [{ first: Number(first), count: Number(count) }] : [];
  });
  const found = ranges.find(({ first, count }) => first > 0 && count >= LEAST_IDS && first + count <= 2 ** 32 - 1);
  if (found !== undefined) return found;
  const hint = `echo ${owner}:100000:${LEAST_IDS} >> ${file}`;
  throw new BerthError("missing_requirement", `${file} has no range of at least ${LEAST_IDS} ids for ${owner}: ${hint}`);
}
