import { BerthError } from "../../../shared/domain/index.ts";
import type { ResolvedUser } from "../spec-input.ts";

/** Above this some tools wrap the number around to root (CVE-2024-40635). */
const MAX_ID = 2 ** 31 - 1;

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/**
 * USER ("", "name", "uid", "name:group", "uid:gid") against the text of the image's own passwd and group files.
 * A number needs no entry; a name does. Supplementary groups come with a name, and only without an explicit group,
 * as Docker does it.
 * @throws BerthError image_invalid
 */
export function resolveUser(user: string, passwd: string, group: string): ResolvedUser {
  const [userPart = "", groupPart = "", ...rest] = user.split(":");
  if (rest.length > 0) throw new BerthError("image_invalid", `user ${JSON.stringify(user)} is not UID[:GID]`);
  const groups = parseGroup(group);
  const entry = findUser(userPart, parsePasswd(passwd));
  const explicitGid = groupPart === "" ? null : findGroup(groupPart, groups);
  return {
    uid: entry.uid,
    gid: explicitGid ?? entry.gid,
    additionalGids: explicitGid === null ? groupsOf(entry.name, entry.gid, groups) : [],
    home: entry.home,
  };
}

function findUser(text: string, entries: PasswdEntry[]): { name: string | null; uid: number; gid: number; home: string | null } {
  const uid = text === "" ? 0 : parseId(text);
  const found = entries.find((entry) => (uid === null ? entry.name === text : entry.uid === uid));
  if (found) return found;
  if (uid === null) throw new BerthError("image_invalid", `user ${JSON.stringify(text)} is not in the image's /etc/passwd`);
  return { name: null, uid, gid: 0, home: uid === 0 ? "/root" : null };
}

function findGroup(text: string, groups: GroupEntry[]): number {
  const gid = parseId(text) ?? groups.find((entry) => entry.name === text)?.gid;
  if (gid === undefined) throw new BerthError("image_invalid", `group ${JSON.stringify(text)} is not in the image's /etc/group`);
  return gid;
}

function groupsOf(name: string | null, primary: number, groups: GroupEntry[]): number[] {
  if (name === null) return [];
  const gids = groups.filter((entry) => entry.members.includes(name) && entry.gid !== primary).map((entry) => entry.gid);
  return [...new Set(gids)];
}

/** A number in range, or null when the text is a name. @throws BerthError image_invalid for a number out of range */
function parseId(text: string): number | null {
  if (!/^-?\d+$/.test(text)) return null;
  const id = Number(text);
  if (id < 0 || id > MAX_ID) throw new BerthError("image_invalid", `user or group id ${text} is not within 0..${MAX_ID}`);
  return id;
}

function parsePasswd(text: string): PasswdEntry[] {
  return rows(text, 6).flatMap(([name = "", , uid = "", gid = "", , home = ""]) => {
    const ids = inRange(uid, gid);
    return ids === null || name === "" ? [] : [{ name, uid: ids[0], gid: ids[1], home: home === "" ? "/" : home }];
  });
}

function parseGroup(text: string): GroupEntry[] {
  return rows(text, 3).flatMap(([name = "", , gid = "", members = ""]) => {
    const ids = inRange(gid, "0");
    return ids === null || name === "" ? [] : [{ name, gid: ids[0], members: members.split(",").filter((member) => member !== "") }];
  });
}

function rows(text: string, fields: number): string[][] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((row) => row.length >= fields);
}

/** A line with a number out of range is skipped, as if it were not there. */
function inRange(first: string, second: string): [number, number] | null {
  const pair = [first, second].map((text) => (/^\d{1,10}$/.test(text) ? Number(text) : -1)) as [number, number];
  return pair.every((id) => id >= 0 && id <= MAX_ID) ? pair : null;
}
