import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** A user namespace in which the container's root is a host user without any rights. */
export function withUserNamespace(spec: OciSpec, { idMapping }: SpecInput): OciSpec {
  if (idMapping === undefined || idMapping === null) return spec;
  const { uid, gid, count } = idMapping;
  const { namespaces, ...linux } = spec.linux;
  return {
    ...spec,
    linux: {
      ...linux,
      namespaces: [...namespaces, { type: "user" }],
      uidMappings: [{ containerID: 0, hostID: uid, size: count }],
      gidMappings: [{ containerID: 0, hostID: gid, size: count }],
    },
  };
}
