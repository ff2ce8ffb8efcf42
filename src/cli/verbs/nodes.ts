import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import type { NodeView } from "../client/api-client.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { gpuListing, nodeListing } from "../output/node-listing.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { action, examples } from "../verb.ts";

/** A name goes before an id: a node may be named as another's id. */
export function nodesVerb(io: CliIo): Command {
  const command = withFormats(withHost(new Command("nodes")))
    .description("List machines, or one machine's GPUs.")
    .argument("[node]", "name or id: show its GPUs")
    .action(action(io, (node: string | undefined, options: FormatOptions, self: Command) => showNodes(io, node, options, self)));
  return examples(command, ["berth nodes", "berth nodes -o wide", "berth nodes gpu-01"]);
}

async function showNodes(io: CliIo, name: string | undefined, options: FormatOptions, self: Command): Promise<void> {
  const api = await connectApi(io, self);
  if (name === undefined) {
    const [nodes, reservations] = await Promise.all([api.nodes(), api.reservations()]);
    sayWhenSimulated(io, nodes);
    return printListing(io, options, nodeListing(io.clock.now(), reservations), nodes);
  }
  const node = (await api.nodes()).find((candidate) => candidate.name === name) ?? (await api.node(name));
  sayWhenSimulated(io, [node]);
  if (options.output === "json" || options.output === "yaml") return printValue(io, options.output, node);
  return printListing(io, options, gpuListing(node), node.facts.gpus);
}

function sayWhenSimulated(io: CliIo, nodes: readonly NodeView[]): void {
  const simulated = nodes.filter((node) => node.facts.simulatedGpus).map((node) => node.name);
  if (simulated.length > 0) warnSimulatedGpus(io, simulated.join(", "));
}
