/**
 * The rules of a CDI specification file (CDI spec 1.1.0: "CDI JSON Specification", "Kind", "Device names") as JSON Schema. Stricter
 * than the published schema where the text is: names, absolute paths, no unknown members.
 */
const ABSOLUTE = { type: "string", pattern: "^/" };
const STRINGS = { type: "array", items: { type: "string" } };
const UINT32 = { type: "integer", minimum: 0, maximum: 4_294_967_295 };
const ANNOTATIONS = { type: "object", additionalProperties: { type: "string" } };
const HOOK_NAMES = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

const DEVICE_NODE = closed(["path"], {
  path: ABSOLUTE,
  hostPath: ABSOLUTE,
  type: { enum: ["b", "c", "u", "p", ""] },
  major: { type: "integer" },
  minor: { type: "integer" },
  fileMode: { type: "integer" },
  permissions: { type: "string", pattern: "^[rwm]*$" },
  uid: UINT32,
  gid: UINT32,
});

const MOUNT = closed(["hostPath", "containerPath"], {
  hostPath: ABSOLUTE,
  containerPath: ABSOLUTE,
  options: STRINGS,
  type: { type: "string" },
});

const HOOK = closed(["hookName", "path"], {
  hookName: { enum: HOOK_NAMES },
  path: ABSOLUTE,
  args: STRINGS,
  env: STRINGS,
  timeout: { type: "integer", minimum: 0 },
});

const INTEL_RDT = closed([], {
  closID: { type: "string" },
  l3CacheSchema: { type: "string" },
  memBwSchema: { type: "string" },
  schemata: STRINGS,
  enableMonitoring: { type: "boolean" },
});

const EDITS = closed([], {
  env: { type: "array", items: { type: "string", pattern: "^[^=]+=" } },
  deviceNodes: { type: "array", items: DEVICE_NODE },
  netDevices: {
    type: "array",
    items: closed(["hostInterfaceName", "name"], { hostInterfaceName: { type: "string" }, name: { type: "string" } }),
  },
  mounts: { type: "array", items: MOUNT },
  hooks: { type: "array", items: HOOK },
  additionalGids: { type: "array", items: UINT32 },
  intelRdt: INTEL_RDT,
});

const DEVICE = closed(["name", "containerEdits"], {
  name: { type: "string", pattern: "^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$" },
  annotations: ANNOTATIONS,
  containerEdits: EDITS,
});

export const CDI_SCHEMA = closed(["cdiVersion", "kind", "devices"], {
  cdiVersion: { enum: ["0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"] },
  kind: { type: "string", pattern: "^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$" },
  annotations: ANNOTATIONS,
  devices: { type: "array", minItems: 1, items: DEVICE },
  containerEdits: EDITS,
});

function closed(required: string[], properties: Record<string, object>): object {
  return { type: "object", required, properties, additionalProperties: false };
}
