/** A program that runs OCI bundles (runtime-spec runtime.md). One object per program and state folder. */
export interface OciRuntime {
  readonly name: "crun" | "runc";
  /** "1.8.1" */
  readonly version: string;
  /** Program and leading arguments, before "create", "start"...: conmon calls it with these too. */
  readonly command: readonly [string, ...string[]];
  /** Starts the user's program in a created container. @throws BerthError container_start_failed */
  start(id: string): Promise<void>;
  /** Ends what is left of a container and forgets it; missing is fine. @throws BerthError internal when it does not go away */
  delete(id: string): Promise<void>;
  /** "created" | "running" | "stopped" | ...; null when the runtime does not know it. */
  status(id: string): Promise<string | null>;
  /** Ids it has state for, dead ones included. */
  list(): Promise<string[]>;
}
