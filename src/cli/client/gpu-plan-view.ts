/** What POST /v1/gpus/plan answers, as far as it is shown in tables. */
export interface GpuPlanView {
  simulated: boolean;
  driverVersion: string | null;
  cudaVersion: string | null;
  gpus: { index: number; uuid: string; model: string }[];
  capabilities: string[];
  requirementsMet: boolean;
  requirementsDisabled: boolean;
  requirements: { variable: string; expression: string; gpu: string; holds: boolean; heldBy: string | null; failures: string[] }[];
  forwardCompatibility: { folder: string; version: string; use: boolean; reason: string } | null;
  notes: string[];
  reasons: { path: string; because: string }[];
  plan: {
    deviceNodes: { path: string; hostPath: string; major: number; minor: number }[];
    mounts: { hostPath: string; containerPath: string }[];
    symlinks: { target: string; path: string }[];
    env: Record<string, string>;
    procDriver: { params: string } | null;
  };
  deviceRules: { type: string; major: number; minor: number; access: string }[];
}

export interface GpuPlanQuery {
  image: string;
  gpus: string;
  env: Record<string, string>;
}
