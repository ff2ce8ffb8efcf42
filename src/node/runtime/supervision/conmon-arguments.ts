import { join } from "node:path";
import type { MonitoredContainer } from "./monitor.ts";

export interface ConmonFiles {
  conmonPid: string;
  containerPid: string;
  persistDir: string;
  oomMark: string;
}

/** Where conmon writes what it knows of the container, below the container's state folder. */
export function conmonFiles(container: MonitoredContainer): ConmonFiles {
  const persistDir = join(container.stateDir, "persist");
  return {
    conmonPid: join(container.stateDir, "conmon.pid"),
    containerPid: join(container.stateDir, "container.pid"),
    persistDir,
    oomMark: join(persistDir, "oom"),
  };
}

/** conmon(8). `--full-attach` keeps its sockets inside the bundle, so nothing is left elsewhere. */
export function conmonArguments(container: MonitoredContainer, runtime: readonly [string, ...string[]], exitDir: string): string[] {
  const files = conmonFiles(container);
  const [program, ...runtimeArguments] = runtime;
  return [
    ...["--api-version", "1"],
    ...["-c", container.id],
    ...["-n", container.id],
    ...["-u", container.id],
    ...["-r", program],
    ...runtimeArguments.flatMap((argument) => ["--runtime-arg", argument]),
    ...["-b", container.bundle],
    ...["-p", files.containerPid],
    ...["-P", files.conmonPid],
    ...["-l", `k8s-file:${container.logFile}`],
    ...["--exit-dir", exitDir],
    ...["--persist-dir", files.persistDir],
    ...["--log-level", "error"],
    "--full-attach",
  ];
}
