/** A CDI specification file (CDI spec 1.1.0, "CDI JSON Specification"), as far as GPUs need it. */
export interface CdiSpec {
  cdiVersion: string;
  /** "nvidia.com/gpu" */
  kind: string;
  devices: CdiDevice[];
  /** For every container that gets at least one of the devices. */
  containerEdits?: CdiEdits;
}

export interface CdiDevice {
  /** The part after "=": "0", "GPU-...", "all". */
  name: string;
  containerEdits: CdiEdits;
}

export interface CdiEdits {
  env?: string[];
  deviceNodes?: CdiDeviceNode[];
  mounts?: CdiMount[];
  hooks?: CdiHook[];
  /** Since 0.7.0. */
  additionalGids?: number[];
}

export interface CdiDeviceNode {
  path: string;
  /** Since 0.5.0; left out when it is `path`. */
  hostPath?: string;
  type?: "c";
  major?: number;
  minor?: number;
  fileMode?: number;
  permissions?: string;
  uid?: number;
  gid?: number;
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  options?: string[];
}

export interface CdiHook {
  hookName: string;
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}
