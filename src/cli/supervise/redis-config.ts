import type { BerthPaths } from "./berth-paths.ts";

/**
 * The private redis-server's settings: no port, a socket only root reaches, every write on disk before it is answered, and
 * never a key thrown away to make room. A job row that was acknowledged must survive a power cut.
 */
export function redisConfig(paths: BerthPaths): string {
  const settings: [string, string][] = [
    ["port", "0"],
    ["unixsocket", paths.redisSocket],
    ["unixsocketperm", "700"],
    ["protected-mode", "yes"],
    ["daemonize", "no"],
    ["supervised", "no"],
    ["logfile", ""],
    ["dir", paths.redisDir],
    ["appendonly", "yes"],
    ["appendfsync", "always"],
    ["no-appendfsync-on-rewrite", "no"],
    ["aof-load-truncated", "yes"],
    ["save", ""],
    ["maxmemory-policy", "noeviction"],
  ];
  return settings.map(([name, value]) => `${name} ${quoted(value)}\n`).join("");
}

/** redis.conf strings: double quotes with backslash escapes. */
function quoted(value: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(value) ? value : `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
