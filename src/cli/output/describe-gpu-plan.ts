import type { GpuPlanView } from "../client/gpu-plan-view.ts";
import type { Listing } from "./formats.ts";
import { type Cell, renderTable } from "./table.ts";

/** One thing that a container gets. */
export interface PlanRow {
  kind: "device" | "mount" | "link" | "proc" | "env" | "cgroup";
  /** In the container. */
  what: string;
  /** On the host, or the value. */
  from: string;
  because: string;
}

/** Everything a plan gives, in the order in which it is applied. */
export function planRows({ plan, reasons, deviceRules }: GpuPlanView): PlanRow[] {
  const because = new Map(reasons.map((reason) => [reason.path, reason.because]));
  const why = (path: string): string => because.get(path) ?? "always";
  return [
    ...plan.deviceNodes.map((node): PlanRow => ({ kind: "device", what: node.path, from: node.hostPath, because: why(node.path) })),
    ...plan.mounts.map(
      (mount): PlanRow => ({ kind: "mount", what: mount.containerPath, from: mount.hostPath, because: why(mount.containerPath) }),
    ),
    ...plan.symlinks.map((link): PlanRow => ({ kind: "link", what: link.path, from: `-> ${link.target}`, because: why(beside(link)) })),
    ...(plan.procDriver
      ? [{ kind: "proc", what: "/proc/driver/nvidia/params", from: "ModifyDeviceFiles: 0", because: "always" } as const]
      : []),
    ...deviceRules.map(
      (rule): PlanRow => ({ kind: "cgroup", what: `${rule.type} ${rule.major}:${rule.minor} ${rule.access}`, from: "", because: "device" }),
    ),
    ...Object.entries(plan.env).map(([name, value]): PlanRow => ({ kind: "env", what: name, from: value, because: "always" })),
  ];
}

/** A link's target is a file of its own folder. */
function beside({ path, target }: { path: string; target: string }): string {
  return `${path.slice(0, path.lastIndexOf("/"))}/${target}`;
}

/** The table under `planSummary`; -o name prints "mount//usr/bin/nvidia-smi", "env/NAME". */
export function planListing(): Listing<PlanRow> {
  return {
    columns: [
      { title: "KIND", value: (row) => row.kind },
      { title: "IN THE CONTAINER", value: (row) => row.what },
      { title: "BECAUSE", value: (row) => row.because },
      { title: "FROM", value: (row) => row.from },
    ],
    wide: [],
    name: (row) => `${row.kind}/${row.what}`,
    empty: "nothing is injected",
  };
}

/** What stands above the table: the GPUs, the driver, how the requirements were judged. */
export function planSummary(view: GpuPlanView, colour: boolean): string {
  const rows: [string, string | Cell][] = [
    ...view.gpus.map((gpu): [string, string] => [`GPU ${gpu.index}`, `${gpu.uuid} ${view.simulated ? "SIMULATED " : ""}${gpu.model}`]),
    ["Driver", `${view.driverVersion ?? "not known"}, CUDA ${view.cudaVersion ?? "not known"}`],
    ["Capabilities", view.capabilities.join(", ")],
    ...requirementRows(view),
    ...compatRows(view),
    ...view.notes.map((note): [string, string] => ["Note", note]),
  ];
  const columns = [
    { title: "", value: (row: (typeof rows)[number]) => row[0] },
    { title: "", value: (row: (typeof rows)[number]) => row[1] },
  ];
  return renderTable(columns, rows, { headers: false, colour });
}

function requirementRows(view: GpuPlanView): [string, string | Cell][] {
  if (view.requirementsDisabled) return [["Requirements", "not looked at: NVIDIA_DISABLE_REQUIRE is set"]];
  return view.requirements.map((result) => {
    const verdict = result.holds
      ? `met by ${result.heldBy ?? "asking nothing"}`
      : `NOT MET by ${result.gpu}: ${result.failures.join(", ")}`;
    return ["Requirement", { text: `${result.variable} ${verdict}`, style: result.holds ? "green" : "red" }];
  });
}

function compatRows({ forwardCompatibility: compat }: GpuPlanView): [string, string][] {
  if (compat === null) return [];
  return [["Image's CUDA", `${compat.folder} (${compat.version}) is ${compat.use ? "used" : "not used"}: ${compat.reason}`]];
}
