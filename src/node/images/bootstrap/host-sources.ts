import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../content/storage-error.ts";

/** One place that the host's apt takes packages from. */
export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
}

/** Reads /etc/apt/sources.list and sources.list.d below `hostRoot`; files that are not there are no sources. */
export async function readHostSources(hostRoot: string): Promise<AptSource[]> {
  const folder = join(hostRoot, "etc/apt/sources.list.d");
  const names = (await orEmpty(readdir(folder), [])).sort();
  const files = [join(hostRoot, "etc/apt/sources.list"), ...names.map((name) => join(folder, name))];
  const sources = [];
  for (const file of files) {
    const text = await orEmpty(readFile(file, "utf8"), "");
    if (file.endsWith(".list")) sources.push(...parseSourcesList(text));
    else if (file.endsWith(".sources")) sources.push(...parseDeb822(text));
  }
  return sources;
}

/** The one-line format: "deb [options] uri suite component..." (sources.list(5)). */
export function parseSourcesList(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line.trim());
    return match === null ? [] : [{ uri: trimUri(match[1] as string), suite: match[2] as string, components: words(match[3]) }];
  });
}

/** The deb822 format: stanzas of fields; "Enabled: no" turns one off. */
export function parseDeb822(text: string): AptSource[] {
  return text.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = fieldsOf(stanza);
    if (!words(fields.get("types")).includes("deb") || fields.get("enabled")?.trim() === "no") return [];
    return words(fields.get("uris")).flatMap((uri) =>
      words(fields.get("suites")).map((suite) => ({ uri: trimUri(uri), suite, components: words(fields.get("components")) })),
    );
  });
}

function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of stanza.split("\n").filter((text) => !text.startsWith("#"))) {
    const colon = line.indexOf(":");
    if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ""} ${line.trim()}`);
    if (/^\s/.test(line) || colon <= 0) continue;
    last = line.slice(0, colon).toLowerCase();
    fields.set(last, line.slice(colon + 1));
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function trimUri(uri: string): string {
  return uri.replace(/\/+$/, "");
}

async function orEmpty<T>(reading: Promise<T>, empty: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return empty;
    throw error;
  }
}
