import { gpusCounted } from "../../../shared/domain/index.ts";
import { DEFAULT_PROJECT, type ProjectShare } from "../../scheduler/index.ts";
import type { Run } from "../run.ts";
import { entitledGpus } from "./entitlement.ts";

/** GPU-seconds of a project. */
export interface ShareTaken {
  got: number;
  /** While it asked for them, see entitlement.ts. */
  entitled: number;
}

/** Adds up what each project held, and what it was entitled to while its jobs ran or waited. */
export class ShareMeter {
  private readonly taken = new Map<string, ShareTaken>();
  private held = new Map<string, number>();
  private entitled = new Map<string, number>();
  private readonly projects: readonly ProjectShare[];
  private readonly gpus: number;
  private readonly startable: ReadonlySet<string>;

  /** @param startable jobs that can start at all: nobody is owed GPUs for the others */
  constructor(projects: readonly ProjectShare[], gpus: number, startable: ReadonlySet<string>) {
    this.projects = projects;
    this.gpus = gpus;
    this.startable = startable;
  }

  passed(seconds: number): void {
    for (const name of new Set([...this.held.keys(), ...this.entitled.keys()])) {
      const { got, entitled } = this.taken.get(name) ?? { got: 0, entitled: 0 };
      this.taken.set(name, {
        got: got + seconds * (this.held.get(name) ?? 0),
        entitled: entitled + seconds * (this.entitled.get(name) ?? 0),
      });
    }
  }

  take<Job>(live: Iterable<Run<Job>>): void {
    this.held = new Map();
    const demand = new Map<string, number>();
    for (const { pending, active, activeGpus } of live) {
      if (!this.startable.has(pending.id)) continue;
      const project = pending.project ?? DEFAULT_PROJECT;
      const gpus = active === null ? gpusCounted(pending.resources) * pending.replicas : activeGpus;
      demand.set(project, (demand.get(project) ?? 0) + gpus);
      if (active !== null) this.held.set(project, (this.held.get(project) ?? 0) + gpus);
    }
    this.entitled = entitledGpus(this.projects, demand, this.gpus);
  }

  result(): ReadonlyMap<string, ShareTaken> {
    return this.taken;
  }
}
