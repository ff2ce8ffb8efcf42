import type { ProjectLimits } from "../scheduler/index.ts";

/** What an operator said of a project. */
export interface ProjectSettings {
  name: string;
  weight: number;
  parent: string | null;
  /** GPUs that are its own whenever it asks. */
  quotaGpus: number;
  limits: ProjectLimits;
}

/** Dominant share x hours, decayed; `at` in milliseconds since the Unix epoch. */
export interface StoredUsage {
  value: number;
  at: number;
}

/** The projects. All methods throw redis_unavailable when the store is not reachable. */
export interface ProjectStore {
  /** By name. */
  list(): Promise<ProjectSettings[]>;
  put(settings: ProjectSettings): Promise<void>;
  /** False when there is none. Its jobs go on under the default share. */
  remove(name: string): Promise<boolean>;
  usages(): Promise<Map<string, StoredUsage>>;
  saveUsages(usages: ReadonlyMap<string, StoredUsage>): Promise<void>;
  forgetUsages(names: readonly string[]): Promise<void>;
}
