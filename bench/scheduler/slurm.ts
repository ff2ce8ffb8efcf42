import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../test/support/free-port.ts";

const run = promisify(execFile);

export interface SlurmSize {
  nodes: number;
  cpusEach: number;
}

/** A whole Slurm in a folder of its own: a controller and a slurmd for each made-up node, no daemon of the system's. */
export interface Slurm {
  /** Queues so many jobs that do nothing, opens the nodes to them, and returns when the last has ended: seconds since they were opened. */
  dispatch(jobs: number): Promise<number>;
  stop(): Promise<void>;
}

export async function startSlurm({ nodes, cpusEach }: SlurmSize): Promise<Slurm> {
  const folder = mkdtempSync(join(tmpdir(), "berth-slurm-"));
  const conf = join(folder, "slurm.conf");
  const ports = [];
  for (let node = 0; node < nodes; node += 1) ports.push(await freePort());
  writeFileSync(conf, configuration(folder, await freePort(), ports, cpusEach));
  mkdirSync(join(folder, "state"));
  const script = join(folder, "noop.sh");
  writeFileSync(script, "#!/bin/sh\nexit 0\n");
  chmodSync(script, 0o755);
  const env = { ...process.env, SLURM_CONF: conf };
  const daemons = [daemon(folder, "slurmctld", ["-D", "-f", conf], env)];
  for (let node = 1; node <= nodes; node += 1) {
    mkdirSync(join(folder, `spool.n${node}`));
    daemons.push(daemon(folder, "slurmd", ["-D", "-N", `n${node}`, "-f", conf], env));
  }
  const say = async (program: string, ...args: string[]) => (await run(program, args, { env, maxBuffer: 2 ** 26 })).stdout;
  const stop = async () => {
    for (const child of daemons) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(60_000, async () => (await say("sinfo", "-h", "-t", "idle", "-o", "%D")).trim() === String(nodes));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    dispatch: async (jobs) => {
      await say("scontrol", "update", "PartitionName=p", "State=DOWN");
      await say("sbatch", `--array=1-${jobs}`, "-n1", "-c1", "-o", "/dev/null", script);
      const started = performance.now();
      await say("scontrol", "update", "PartitionName=p", "State=UP");
      await until(600_000, async () => (await say("squeue", "-h", "-t", "PD,R,CG", "-o", "%i")).trim() === "");
      return (performance.now() - started) / 1000;
    },
  };
}

function configuration(folder: string, port: number, ports: readonly number[], cpus: number): string {
  const nodes = ports.map(
    (nodePort, place) =>
      `NodeName=n${place + 1} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${nodePort} CPUs=${cpus} RealMemory=1000 State=UNKNOWN`,
  );
  return [
    "ClusterName=bench",
    "SlurmctldHost=localhost(127.0.0.1)",
    `SlurmctldPort=${port}`,
    // Loopback only, and everything by one user: authentication costs its authors' daemon, which is not what is measured.
    "AuthType=auth/none\nCredType=cred/none\nSlurmUser=root\nSlurmdUser=root",
    `StateSaveLocation=${folder}/state\nSlurmdSpoolDir=${folder}/spool.%n`,
    `SlurmctldPidFile=${folder}/slurmctld.pid\nSlurmdPidFile=${folder}/slurmd.%n.pid`,
    `SlurmctldLogFile=${folder}/slurmctld.log\nSlurmdLogFile=${folder}/slurmd.%n.log`,
    "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none",
    "SlurmdParameters=config_overrides\nReturnToService=2",
    "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU",
    // Tuned for throughput as its high-throughput guide says.
    "SchedulerType=sched/backfill",
    "SchedulerParameters=sched_min_interval=0,sched_interval=1,default_queue_depth=10000,partition_job_depth=10000,batch_sched_delay=0,defer",
    "MaxJobCount=100000\nMaxArraySize=20001\nMinJobAge=2\nKillWait=1",
    "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none",
    ...nodes,
    "PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
  ].join("\n");
}

function daemon(folder: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const out = openSync(join(folder, `${program}.out`), "a");
  const child = spawn(program, [...args], { env, stdio: ["ignore", out, out] });
  closeSync(out);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(hard);
}

async function until(timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error("slurm did not get there in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
