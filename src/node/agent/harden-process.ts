import { readFile, writeFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { errorText } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { type Native, readOwnPrivileges } from "../platform/index.ts";

/** What running containers takes. What else a process may hold it does not need. */
const NEEDED = [
  "CAP_SYS_ADMIN",
  "CAP_NET_ADMIN",
  "CAP_MKNOD",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_KILL",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_SYS_CHROOT",
  "CAP_SYS_RESOURCE",
];
/** As the kubelet: the last but init and what protects itself fully. */
const OOM_SCORE = -999;
/**
 * How much of what lives may lie about as garbage. V8 would wait until the heap is several times that, as the memory is nobody
 * else's; here it is the jobs'.
 */
const GARBAGE_PERCENT = 25;
/** Two descriptors a container and some for everything else. */
const ENOUGH_FILES = 4096;

/**
 * Makes this process the last one the kernel kills for memory, and a small one, and says what it cannot do here. Nothing of it is
 * fatal: a container that then fails says so itself. (Node itself raises the soft limit of open files to the hard one.)
 */
export async function hardenProcess(native: Pick<Native, "rlimit">, log: Logger): Promise<void> {
  await protectFromOomKiller(log);
  setFlagsFromString(`--heap-growing-percent=${GARBAGE_PERCENT}`);
  const { capabilities } = await readOwnPrivileges(native);
  const missing = NEEDED.filter((name) => !capabilities.includes(name));
  if (missing.length > 0) log.info({ missing }, "running without some capabilities: what needs them is clamped or refused");
  const files = native.rlimit("nofile");
  if (files.soft < ENOUGH_FILES) log.warn({ files: files.soft, hard: files.hard }, "few open files allowed: many containers may not fit");
}

async function protectFromOomKiller(log: Logger): Promise<void> {
  const path = "/proc/self/oom_score_adj";
  try {
    await writeFile(path, String(OOM_SCORE));
  } catch (error) {
    const score = (await readFile(path, "utf8")).trim();
    log.info(
      { score, reason: errorText(error) },
      "cannot lower the OOM score: without CAP_SYS_RESOURCE the kernel may kill this agent early",
    );
  }
}
