import { Command } from "commander";
import { BerthError } from "../../shared/domain/index.ts";
import type { NodePatch } from "../../shared/wire/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { action, examples } from "../verb.ts";

/** `berth node ACTION NODE...`: what operators say about machines. */
export function nodeVerb(io: CliIo): Command {
  const command = new Command("node").description("Cordon, drain, label, taint, release or remove machines.");
  const patching = (name: string, description: string, patch: NodePatch) =>
    examples(
      withHost(command.command(name))
        .description(description)
        .argument("<node...>", "names")
        .action(action(io, (nodes: string[], _options: object, self: Command) => patchNodes(io, nodes, patch, self))),
      [`berth node ${name} gpu-07`],
    );
  patching("cordon", "Place nothing new on the nodes.", { cordoned: true });
  patching("uncordon", "Place jobs on them again; ends a drain too.", { cordoned: false, draining: false });
  examples(
    withHost(command.command("drain"))
      .description("As cordon, for maintenance now: what runs may finish. For a later time: berth reservation create.")
      .argument("<node...>", "names")
      .option("--evict", "what runs saves a checkpoint, stops and goes on elsewhere, in its old place in the queue")
      .action(
        action(io, (nodes: string[], { evict }: { evict?: boolean }, self: Command) =>
          patchNodes(io, nodes, { draining: true, ...(evict === true ? { evict } : {}) }, self),
        ),
      ),
    ["berth node drain gpu-07", "berth node drain gpu-07 --evict"],
  );
  patching("release", "End the quarantine of the nodes and their GPUs.", { release: true });
  const writing = (name: string, description: string, example: string, read: (changes: readonly string[]) => NodePatch) =>
    examples(
      withHost(command.command(name))
        .description(description)
        .argument("<node>", "name")
        .argument("<change...>", "key=value sets, key- removes")
        .action(
          action(io, (node: string, changes: string[], _options: object, self: Command) => patchNodes(io, [node], read(changes), self)),
        ),
      [example],
    );
  writing("label", "Set or remove labels that jobs choose nodes by.", "berth node label gpu-07 rack=r12 zone-", labelPatch);
  writing("taint", "Keep jobs away unless they tolerate it.", "berth node taint gpu-07 team=vision", taintPatch);
  examples(
    withHost(command.command("rm"))
      .description("Take nodes out of the cluster: their credentials and certificates end. No job may be on them.")
      .argument("<node...>", "names")
      .action(action(io, (nodes: string[], _options: object, self: Command) => removeNodes(io, nodes, self))),
    ["berth node rm gpu-07"],
  );
  return examples(command, ["berth node drain gpu-07", "berth node label gpu-07 rack=r12", "berth node taint gpu-07 team=vision"]);
}

async function patchNodes(io: CliIo, nodes: readonly string[], patch: NodePatch, self: Command): Promise<void> {
  const api = await connectApi(io, self);
  for (const name of nodes) {
    const node = await api.patchNode(withoutKind(name), patch);
    io.stdout.write(`node/${node.name}\n`);
  }
}

async function removeNodes(io: CliIo, nodes: readonly string[], self: Command): Promise<void> {
  const api = await connectApi(io, self);
  for (const given of nodes) {
    const name = withoutKind(given);
    await api.removeNode(name);
    io.stdout.write(`node/${name} removed\n`);
  }
}

/** "node/gpu-07" as lists print it with -o name. */
function withoutKind(name: string): string {
  return name.startsWith("node/") ? name.slice("node/".length) : name;
}

/** ["rack=r12", "zone-"] -> {labels: {rack: "r12", zone: null}}; null removes. @throws BerthError invalid_request */
export function labelPatch(changes: readonly string[]): NodePatch {
  return { labels: Object.fromEntries(changes.map(readChange)) };
}

/** As labels, and a key alone is a taint without a value. @throws BerthError invalid_request */
export function taintPatch(changes: readonly string[]): NodePatch {
  const read = changes.map((change) => (change.includes("=") || change.endsWith("-") ? readChange(change) : ([change, ""] as const)));
  return {
    addTaints: read.flatMap(([key, value]) => (value === null ? [] : [{ key, value }])),
    removeTaints: read.flatMap(([key, value]) => (value === null ? [key] : [])),
  };
}

function readChange(change: string): readonly [string, string | null] {
  const split = change.indexOf("=");
  if (split > 0) return [change.slice(0, split), change.slice(split + 1)];
  if (split < 0 && change.length > 1 && change.endsWith("-")) return [change.slice(0, -1), null];
  throw new BerthError("invalid_request", `${JSON.stringify(change)} is neither key=value nor key-`);
}
