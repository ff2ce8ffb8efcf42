import type { OciNamespace, OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** Every namespace of its own; the network one as the request says: the host's, an empty one, or a prepared one joined. */
export function withNamespaces(spec: OciSpec, input: SpecInput): OciSpec {
  const own = (["pid", "ipc", "uts", "mount", "cgroup"] as const).map((type): OciNamespace => ({ type }));
  return { ...spec, linux: { ...spec.linux, namespaces: [...own, ...networkNamespace(input.network)] } };
}

function networkNamespace(network: SpecInput["network"]): OciNamespace[] {
  if (network.kind === "host") return [];
  return network.kind === "join" ? [{ type: "network", path: network.path }] : [{ type: "network" }];
}
