import { BerthError } from "../../../shared/domain/index.ts";
import { runProgram } from "../../platform/index.ts";

/** Every network the host has a route or an address in: CIDR texts. Tools of a VPN or a podman show up here too. */
export async function hostSubnets(): Promise<string[]> {
  const [routes, addresses] = await Promise.all([
    ipJson<{ dst: string }[]>(["-4", "-json", "route", "show", "table", "all"]),
    ipJson<{ addr_info?: { local?: string; prefixlen?: number }[] }[]>(["-4", "-json", "address", "show"]),
  ]);
  return [
    ...routes.map((route) => route.dst),
    ...addresses.flatMap((link) => (link.addr_info ?? []).map((info) => `${info.local}/${info.prefixlen}`)),
  ];
}

async function ipJson<T>(args: string[]): Promise<T> {
  const result = await runProgram("/usr/sbin/ip", args, { timeoutMs: 10_000 });
  if (result.code !== 0) throw new BerthError("missing_requirement", `ip ${args.join(" ")}: ${result.stderr.trim()}`);
  return JSON.parse(result.stdout.trim() === "" ? "[]" : result.stdout) as T;
}
