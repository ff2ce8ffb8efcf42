import type { ProjectView } from "../../shared/wire/index.ts";
import type { Listing } from "./formats.ts";

/** The table of `berth project ls`. */
export function projectListing(): Listing<ProjectView> {
  const limit = (value: number | null) => (value === null ? "-" : String(value));
  return {
    columns: [
      { title: "NAME", value: (project) => project.name },
      { title: "PARENT", value: (project) => project.parent ?? "-" },
      { title: "WEIGHT", value: (project) => String(project.weight), align: "right" },
      { title: "QUOTA", value: (project) => String(project.quotaGpus), align: "right" },
      { title: "GPUS", value: (project) => limit(project.limits.gpus), align: "right" },
      { title: "JOBS", value: (project) => limit(project.limits.jobs), align: "right" },
      { title: "USAGE", value: (project) => project.usage.toFixed(2), align: "right" },
    ],
    wide: [
      { title: "GPUS/USER", value: (project) => limit(project.limits.gpusPerUser), align: "right" },
      { title: "JOBS/USER", value: (project) => limit(project.limits.jobsPerUser), align: "right" },
    ],
    name: (project) => project.name,
    empty: "no project is set: jobs go by priority and age",
  };
}
