/** Jobs that are likely to run equally long: of one sweep, names differ only in the number at the end. */
export function jobGroup({ project, user, name }: { project: string; user: string; name: string }): string {
  return `${project}/${user}/${name.replace(/[-0-9]+$/, "")}`;
}
