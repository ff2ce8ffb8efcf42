import type { DefineVerb } from "../verb.ts";

export interface VerbEntry {
  name: string;
  summary: string;
  hidden?: true;
  /** It looks at all the other verbs: they must be loaded too. */
  wholeProgram?: true;
  /** Only the verb that runs is loaded: `berth version` must not pay for the others. */
  load(): Promise<DefineVerb>;
}

export const VERBS: readonly VerbEntry[] = [
  {
    name: "up",
    summary: "start Berth on this machine: Redis, control plane and agent",
    load: async () => (await import("./up.ts")).upVerb,
  },
  { name: "down", summary: "stop what `berth up` started", load: async () => (await import("./down.ts")).downVerb },
  { name: "doctor", summary: "check what Berth needs of this machine", load: async () => (await import("./doctor.ts")).doctorVerb },
  { name: "submit", summary: "queue the jobs of a file", load: async () => (await import("./submit.ts")).submitVerb },
  { name: "run", summary: "run one job and follow it", load: async () => (await import("./run.ts")).runVerb },
  { name: "ps", summary: "list jobs", load: async () => (await import("./ps.ts")).psVerb },
  { name: "get", summary: "describe a job", load: async () => (await import("./get.ts")).getVerb },
  { name: "logs", summary: "show or follow a job's output", load: async () => (await import("./logs.ts")).logsVerb },
  { name: "events", summary: "show or follow a job's history", load: async () => (await import("./events.ts")).eventsVerb },
  { name: "wait", summary: "wait for jobs to end", load: async () => (await import("./wait.ts")).waitVerb },
  { name: "cancel", summary: "end jobs", load: async () => (await import("./cancel.ts")).cancelVerb },
  { name: "retry", summary: "run failed or cancelled jobs again", load: async () => (await import("./retry.ts")).retryVerb },
  { name: "explain", summary: "tell why a job waits", load: async () => (await import("./explain.ts")).explainVerb },
  { name: "plan", summary: "tell where a job would start; changes nothing", load: async () => (await import("./plan.ts")).planVerb },
  { name: "node", summary: "cordon, drain, label or taint machines", load: async () => (await import("./node-control.ts")).nodeVerb },
  { name: "nodes", summary: "list machines and their GPUs", load: async () => (await import("./nodes.ts")).nodesVerb },
  { name: "gpu", summary: "look at this machine's GPUs", load: async () => (await import("./gpu.ts")).gpuVerb },
  {
    name: "simulate",
    summary: "run a trace of jobs through the scheduler",
    load: async () => (await import("./simulate.ts")).simulateVerb,
  },
  { name: "images", summary: "list and manage this machine's images", load: async () => (await import("./images.ts")).imagesVerb },
  { name: "image", summary: "bootstrap a base image; as `berth images`", load: async () => (await import("./images.ts")).imageVerb },
  { name: "build", summary: "build an image from a Dockerfile", load: async () => (await import("./build.ts")).buildVerb },
  { name: "pull", summary: "pull images from registries", load: async () => (await import("./pull.ts")).pullVerb },
  { name: "push", summary: "push images to registries", load: async () => (await import("./push.ts")).pushVerb },
  { name: "login", summary: "store a registry's credentials", load: async () => (await import("./login.ts")).loginVerb },
  { name: "logout", summary: "forget a registry's credentials", load: async () => (await import("./logout.ts")).logoutVerb },
  { name: "export", summary: "write a replica's files as a tar", load: async () => (await import("./images-export.ts")).exportVerb },
  { name: "import", summary: "make an image from a tar of files", load: async () => (await import("./images-import.ts")).importVerb },
  { name: "commit", summary: "make an image of a running replica", load: async () => (await import("./images-commit.ts")).commitVerb },
  { name: "diff", summary: "list the files that a replica changed", load: async () => (await import("./images-diff.ts")).diffVerb },
  { name: "token", summary: "make tokens for agents and clients", load: async () => (await import("./token.ts")).tokenVerb },
  { name: "project", summary: "set shares, quotas and limits", load: async () => (await import("./project.ts")).projectVerb },
  {
    name: "reservation",
    summary: "keep nodes for projects or maintenance",
    load: async () => (await import("./reservation.ts")).reservationVerb,
  },
  { name: "agent", summary: "join this machine to a control plane", load: async () => (await import("./agent.ts")).agentVerb },
  { name: "version", summary: "show the versions of client and server", load: async () => (await import("./version.ts")).versionVerb },
  {
    name: "completion",
    summary: "print a shell completion script",
    wholeProgram: true,
    load: async () => (await import("./completion.ts")).completionVerb,
  },
  {
    name: "control-plane",
    summary: "run the control plane",
    hidden: true,
    load: async () => (await import("./control-plane.ts")).controlPlaneVerb,
  },
];
