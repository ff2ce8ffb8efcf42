export type Action = "pull" | "push" | "delete";

/** The right to do something in a repository. */
export interface Access {
  repository: string;
  actions: readonly Action[];
}

/** What a user may do: "team/*" is every repository below team/, "*" every one. */
export interface Grant {
  pattern: string;
  actions: readonly Action[];
}

export const ALL_ACTIONS: readonly Action[] = ["pull", "push", "delete"];

/** A whole component ends at the slash: "team/*" does not reach "team-b/x". */
export function matchesPattern(pattern: string, repository: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}

/** The part of what is asked for that the grants allow. */
export function allowedActions(grants: readonly Grant[], asked: Access): Action[] {
  const allowed = new Set(grants.filter(({ pattern }) => matchesPattern(pattern, asked.repository)).flatMap(({ actions }) => actions));
  return asked.actions.filter((action) => allowed.has(action));
}

/**
 * A `scope` of the docker token protocol: "repository:NAME:pull,push". Null for anything else; "*" is every action.
 */
export function parseScope(text: string): Access | null {
  const [, repository = "", list = ""] = /^repository(?:\([a-z]+\))?:([a-z0-9._/-]{1,255}):([a-z,*]{1,40})$/.exec(text) ?? [];
  if (repository === "") return null;
  const asked = list.split(",");
  return { repository, actions: ALL_ACTIONS.filter((action) => asked.includes(action) || asked.includes("*")) };
}
