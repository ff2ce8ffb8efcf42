import type { ProjectSettings, ProjectStore, StoredUsage } from "../project-store.ts";

/** Passes the contract suite of the Redis one. */
export function createMemoryProjectStore(): ProjectStore {
  const projects = new Map<string, ProjectSettings>();
  let usages: ReadonlyMap<string, StoredUsage> = new Map();
  return {
    list: async () => [...projects.values()].sort((left, right) => (left.name < right.name ? -1 : 1)),
    put: async (settings) => void projects.set(settings.name, settings),
    remove: async (name) => projects.delete(name),
    usages: async () => new Map(usages),
    saveUsages: async (next) => {
      usages = new Map([...usages, ...next]);
    },
    forgetUsages: async (names) => {
      usages = new Map([...usages].filter(([name]) => !names.includes(name)));
    },
  };
}
