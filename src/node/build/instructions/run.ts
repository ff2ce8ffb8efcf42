import { StringDecoder } from "node:string_decoder";
import { instructionError } from "../build-error.ts";
import type { BuildRun, Verb } from "../build-run.ts";
import { allowFlags } from "../dockerfile/arguments.ts";
import type { Instruction } from "../dockerfile/parse-dockerfile.ts";
import { layerStep } from "../layer-step.ts";
import { envMap, type StageState, workdirOf } from "../stage-state.ts";
import { commandOf, shellOf } from "./metadata.ts";

/** Docker hands these to RUN without an ARG; they decide how, not what, so they neither count for the cache nor stay in the image. */
const PROXY_ARGS = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
/** Files and folders that a runtime mounts over: what it leaves below them is not the step's work. */
const MOUNT_FOLDERS = /^(?:dev|proc|sys)\/|^run\/\.containerenv$/;
const MOUNT_FILES = new Set(["etc/hostname", "etc/hosts", "etc/resolv.conf"]);
const MAX_LINE = 4096;

/** RUN: a command in a container on the stage's files; what it changes becomes a layer. */
export const run: Verb = async (build, state, instruction) => {
  allowFlags(instruction, []);
  const argv = argvOf(state, instruction);
  const environment = new Map([...state.args, ...envMap(state.config.Env)]);
  const { User: user = "" } = state.config;
  const network = build.options.network ?? "bridge";
  return layerStep(build, state, instruction, {
    inputs: { argv, env: [...environment].sort(), user, workdir: workdirOf(state), network },
    createdBy: `RUN ${instruction.heredoc ?? instruction.text}`,
    diff: { exclude: (path, size) => MOUNT_FOLDERS.test(path) || (size === 0 && MOUNT_FILES.has(path)) },
    async change({ containerDir, rootfs }) {
      const output = lineWriter(build);
      const env = [...new Map([...proxyArgs(build), ...environment])].map(([key, value]) => `${key}=${value}`);
      const request = { containerDir, rootfs, argv, env, workdir: workdirOf(state), user, network };
      const { exitCode } = await build.ports.runStep(request, output.write, build.ports.signal);
      output.end();
      if (exitCode !== 0) throw instructionError(instruction, `the command ended with exit code ${exitCode}: ${oneLine(instruction)}`);
    },
  });
};

function argvOf(state: StageState, instruction: Instruction): string[] {
  if (instruction.heredoc !== null) return [...shellOf(state), instruction.heredoc];
  if (instruction.text === "") throw instructionError(instruction, "it needs a command");
  const argv = commandOf(state, instruction);
  if (argv.length === 0) throw instructionError(instruction, "it needs a command");
  return argv;
}

function proxyArgs(build: BuildRun): [string, string][] {
  const given = build.options.buildArgs ?? {};
  return PROXY_ARGS.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name] as string]);
}

/** Whole lines for the progress stream; a line without end is cut, so that a step cannot fill the memory. */
function lineWriter(build: BuildRun): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const say = (line: string) => build.ports.progress({ step: "output", detail: line.replace(/\r$/, "") });
  const write = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) say(line.slice(0, MAX_LINE));
    if (rest.length > MAX_LINE) rest = rest.slice(0, MAX_LINE);
  };
  return {
    write: (chunk) => write(decoder.write(chunk)),
    end: () => {
      write(decoder.end());
      if (rest !== "") say(rest);
    },
  };
}

function oneLine(instruction: Instruction): string {
  return (instruction.heredoc ?? instruction.text).replace(/\s+/g, " ").slice(0, 200);
}
