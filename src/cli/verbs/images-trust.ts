import { Command } from "commander";
import { BerthError } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import type { TrustRuleView, TrustView } from "../client/image-client.ts";
import { readText } from "../files/read-text.ts";
import { printValue } from "../output/formats.ts";
import { type Column, renderTable } from "../output/table.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { collect } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

/** The name of the rule for everything that no prefix names. */
const DEFAULT = "default";

/**
 * Changes the policy file of the local agent by its socket, which nobody but its owner reaches; it counts from the next
 * pull or start.
 */
export function imagesTrustCommand(io: CliIo): Command {
  const trust = new Command("trust")
    .description("Which images this machine may pull and run, by registry and repository.")
    .enablePositionalOptions();
  trust.addCommand(lsCommand(io), { isDefault: true });
  for (const command of [setCommand(io), rmCommand(io), checkCommand(io)]) trust.addCommand(command);
  return examples(trust, [
    "berth images trust",
    "berth images trust set registry.example/team --key team.pub",
    "berth images trust set default reject",
  ]);
}

function lsCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("ls")))
    .description("Show the rules; the longest prefix of an image's name decides.")
    .action(action(io, async (options: TextOptions, self: Command) => show(io, options, await connectImages(io, self).trust())));
  return examples(command, ["berth images trust ls", "berth images trust ls -o json"]);
}

interface SetOptions extends TextOptions {
  key?: string[];
  identity?: string;
}

function setCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("set")))
    .description("Set the rule of a prefix: allow, reject, or signed with one of the keys given.")
    .argument("<prefix>", `REGISTRY or REGISTRY/PATH, as docker.io/library; "${DEFAULT}" for all others`)
    .argument("[rule]", "allow or reject; left out with --key")
    .option("-k, --key <file>", "public key (PEM) of whom to believe; it is copied into the policy (repeatable)", collect)
    .option("--identity <repository>", "repository that signatures must name: any, or REGISTRY/REPOSITORY (default: the image's own)")
    .action(
      action(io, async (prefix: string, rule: string | undefined, options: SetOptions, self: Command) => {
        const wanted = await ruleOf(rule, options);
        return show(io, options, await connectImages(io, self).setTrust(prefix === DEFAULT ? null : prefix, wanted));
      }),
    );
  return examples(command, [
    "berth images trust set registry.example/team --key cosign.pub",
    "berth images trust set docker.io/library allow",
    "berth images trust set mirror.example --key vendor.pub --identity any",
    "berth images trust set default reject",
  ]);
}

function rmCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("rm")))
    .description("Take a rule away; a shorter prefix, or the default, decides then.")
    .argument("<prefix>")
    .action(
      action(io, async (prefix: string, options: TextOptions, self: Command) =>
        show(io, options, await connectImages(io, self).setTrust(prefix === DEFAULT ? null : prefix, null)),
      ),
    );
  return examples(command, ["berth images trust rm registry.example/team"]);
}

function checkCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("check")))
    .description("Say whether an image of this machine may run now, and by which rule.")
    .argument("<image>")
    .action(
      action(io, async (image: string, options: TextOptions, self: Command) => {
        const checked = await connectImages(io, self).checkTrust(image);
        if (options.output === "json") return printValue(io, "json", checked);
        const signed = checked.signed === null ? "" : `, by a signature of ${checked.signed}`;
        io.stdout.write(`${image} ${checked.digest} may run: ${checked.rule} (${checked.prefix ?? DEFAULT})${signed}\n`);
      }),
    );
  return examples(command, ["berth images trust check registry.example/team/trainer:v2"]);
}

async function ruleOf(rule: string | undefined, { key = [], identity }: SetOptions): Promise<TrustRuleView> {
  if (key.length > 0) {
    if (rule !== undefined && rule !== "signed") throw new BerthError("invalid_request", `${rule} takes no --key`);
    return { keys: await Promise.all(key.map(readKey)), ...(identity === undefined ? {} : { identity }) };
  }
  if (rule === "allow" || rule === "reject") return rule;
  throw new BerthError("invalid_request", "the rule is allow, reject, or --key FILE for images signed with it", { field: "/rule" });
}

async function readKey(path: string): Promise<string> {
  const text = await readText(path, `the key ${path}`);
  if (/PRIVATE KEY/.test(text)) throw new BerthError("invalid_request", `${path} is a private key: the policy wants the public one`);
  return text.trim();
}

const COLUMNS: readonly Column<readonly [string, TrustRuleView]>[] = [
  { title: "PREFIX", value: ([prefix]) => prefix },
  { title: "RULE", value: ([, rule]) => textOf(rule) },
];

async function show(io: CliIo, options: TextOptions, { path, policy }: TrustView): Promise<void> {
  if (options.output === "json") return printValue(io, "json", { path, policy });
  const rows = [...Object.entries(policy.repositories ?? {}), [DEFAULT, policy.default ?? "allow"] as const];
  io.stdout.write(renderTable(COLUMNS, rows, { headers: true, colour: io.colour.stdout }));
}

function textOf(rule: TrustRuleView): string {
  if (typeof rule === "string") return rule;
  const keys = `signed with ${rule.keys.length === 1 ? "its key" : `one of ${rule.keys.length} keys`}`;
  return rule.identity === undefined ? keys : `${keys}, for ${rule.identity}`;
}
