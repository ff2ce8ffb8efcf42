import { type Check, fail, ok, warn } from "../check.ts";
import { install, upgrade } from "../fixes.ts";
import type { MachineFacts, ToolFacts, ToolName } from "../machine-facts.ts";
import { isAtLeast } from "../versions.ts";
import { vulnerabilitiesOf } from "../vulnerabilities.ts";

const LEAST_CONMON = "2.0.25";
const LEAST_REDIS = "6.0.0";
const GOOD_REDIS = "6.2.0";
const NEEDED_PLUGINS = ["bridge", "host-local", "loopback"];

/** One of them must be there; each that is there is looked at. */
export function checkRuntimes(facts: MachineFacts): Check[] {
  const names = ["crun", "runc"] as const;
  if (names.every((name) => facts.tools[name].path === null)) {
    return [fail("runtime", "OCI runtime", "neither crun nor runc", "nothing can start a container", install(facts, "crun", "runc"))];
  }
  return names.map((name) => {
    if (facts.tools[name].path !== null) return checkVersion(facts, name, name);
    return warn(
      name,
      name,
      "not installed",
      `the other runtime is used${name === "crun" ? ", which starts containers 2-3 x slower" : ""}`,
      install(facts, name),
    );
  });
}

/** The version is Debian 11's, the oldest that was tried. */
export function checkConmon(facts: MachineFacts): Check {
  const tool = facts.tools.conmon;
  if (tool.path === null)
    return fail("conmon", "conmon", "not installed", "nothing can hold a container's output and exit code", install(facts, "conmon"));
  if (tool.version !== null && !isAtLeast(tool.version, LEAST_CONMON)) {
    return fail("conmon", "conmon", describeTool(tool), `Berth needs ${LEAST_CONMON} or newer`, upgrade(facts, "conmon"));
  }
  return ok("conmon", "conmon", describeTool(tool));
}

/** A failure that `berth up --redis` passes over. */
export function checkRedisServer(facts: MachineFacts): Check {
  const tool = facts.tools["redis-server"];
  if (tool.path === null)
    return fail(
      "redis-server",
      "redis-server",
      "not installed",
      "`berth up` cannot start its queue (not needed with --redis)",
      install(facts, "redis-server"),
    );
  if (tool.version !== null && !isAtLeast(tool.version, LEAST_REDIS)) {
    return fail("redis-server", "redis-server", describeTool(tool), `Berth needs ${LEAST_REDIS} or newer`, upgrade(facts, "redis-server"));
  }
  if (tool.version !== null && !isAtLeast(tool.version, GOOD_REDIS)) {
    return warn(
      "redis-server",
      "redis-server",
      describeTool(tool),
      `it works, but ${GOOD_REDIS} or newer is what Berth is tested with`,
      upgrade(facts, "redis-server"),
    );
  }
  return checkVersion(facts, "redis-server", "redis-server");
}

/** A warning at most: jobs with `network: host` or none need nothing of it. */
export function checkNetwork(facts: MachineFacts): Check {
  const { folder, plugins } = facts.cni;
  const missing = NEEDED_PLUGINS.filter((name) => !plugins.includes(name));
  const fix = install(facts, "containernetworking-plugins", "iptables", "iproute2");
  if (folder === null || missing.length > 0) {
    return warn(
      "network",
      "container network",
      folder === null ? "no CNI plugins" : `${folder}: no ${missing.join(", ")}`,
      "jobs can use `network: host` or none, not bridge",
      fix,
    );
  }
  const absent = (["iptables", "ip"] as const).filter((name) => facts.tools[name].path === null);
  if (absent.length > 0)
    return warn("network", "container network", `no ${absent.join(", ")}`, "bridge networks cannot reach the outside", fix);
  return ok("network", "container network", `${plugins.length} CNI plugins in ${folder}`);
}

/** A warning at most: images come from registries and archives too. */
export function checkBootstrap(facts: MachineFacts): Check {
  const tool = facts.tools.mmdebstrap;
  if (tool.path !== null) return ok("mmdebstrap", "mmdebstrap", describeTool(tool));
  return warn(
    "mmdebstrap",
    "mmdebstrap",
    "not installed",
    "`berth image bootstrap` cannot make base images; `berth images load` works",
    install(facts, "mmdebstrap"),
  );
}

function checkVersion(facts: MachineFacts, name: ToolName, title: string): Check {
  const tool = facts.tools[name];
  const holes = vulnerabilitiesOf(name, tool);
  if (holes.length === 0) return ok(name, title, describeTool(tool));
  const patched = new Set(tool.patched);
  const texts = holes.map((hole) => `${hole.cves.filter((cve) => !patched.has(cve)).join(", ")} (${hole.what})`);
  const unless = tool.packageVersion === null ? "" : ", unless your distribution fixed it without saying so in the changelog";
  return warn(name, title, describeTool(tool), `known holes: ${texts.join("; ")}${unless}`, upgrade(facts, name));
}

function describeTool(tool: ToolFacts): string {
  const version = tool.version ?? "version unknown";
  return tool.packageVersion === null ? version : `${version} (package ${tool.packageVersion})`;
}
