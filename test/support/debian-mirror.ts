import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The keys that Debian's releases are signed with; where this is missing, apt's own trusted keys count. */
export const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The mirror from which this machine's own release comes; null where apt knows no Debian archive. */
export async function debianMirror(): Promise<{ uri: string; suite: string } | null> {
  const suite = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  const format = ["--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"];
  const { stdout } = await run("apt-get", ["indextargets", ...format]).catch(() => ({ stdout: "" }));
  const lines = stdout.split("\n").map((line) => line.split(" "));
  const uri = lines.find(
    ([repository, release, component]) => release === suite && component === "main" && repository?.includes("debian"),
  )?.[0];
  return uri === undefined || suite === undefined ? null : { uri, suite };
}
