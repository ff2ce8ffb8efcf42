import type { NodeUserns } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { UsernsSetting } from "../engine/index.ts";
import type { Snapshots } from "../images/index.ts";
import { readIdMapping } from "../platform/index.ts";
import type { AgentOptions } from "./agent-options.ts";

/**
 * The ids that containers get, and what the control plane is told of it.
 * @throws BerthError when the range or the wanted way of layers is not to be had
 */
export async function composeUserns(
  wanted: AgentOptions["userns"],
  snapshots: Pick<Snapshots, "ownersVariant">,
  log: Logger,
): Promise<{ setting: UsernsSetting | null; fact: NodeUserns }> {
  if (wanted === undefined) return { setting: null, fact: usernsFact(null, null) };
  const mapping = await readIdMapping(wanted.remap);
  const layers = await snapshots.ownersVariant(mapping);
  if (layers.kind === "chowned") log.warn(layers, "image layers are copied for user namespaces");
  log.info({ ...mapping, layers: layers.kind }, "containers run in user namespaces");
  const setting = { mapping, allowHost: wanted.allowHost };
  return { setting, fact: usernsFact(setting, layers.kind) };
}

/** The modes that `chooseUserNamespace` of the engine does not refuse. */
export function usernsFact(setting: Pick<UsernsSetting, "allowHost"> | null, layers: NodeUserns["layers"]): NodeUserns {
  if (setting === null) return { modes: ["host"], layers: null };
  return { modes: setting.allowHost ? ["private", "host"] : ["private"], layers };
}
