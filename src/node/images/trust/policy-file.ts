import type { KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorText } from "../../../shared/domain/index.ts";
import { readPublicKey } from "../../../shared/oci/index.ts";
import { writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import { checkPrefix, invalidPolicy, parsePolicy, type SignedRule, type TrustPolicy, type TrustRule } from "./policy.ts";

const MAX_POLICY_BYTES = 1024 * 1024;
const MAX_KEY_BYTES = 64 * 1024;

/** The policy on disk, read anew at each question: a change needs no restart. */
export interface PolicyFile {
  readonly path: string;
  /** @throws BerthError trust_policy_invalid */
  read(): Promise<TrustPolicy>;
  /** @throws BerthError trust_policy_invalid for a file or a key that cannot be read */
  keysOf(rule: SignedRule): Promise<KeyObject[]>;
  /** `prefix` null is the default, `rule` null takes a rule away. @throws BerthError trust_policy_invalid */
  change(prefix: string | null, rule: TrustRule | null): Promise<TrustPolicy>;
}

/** `required`: the operator named the file, so that its absence is an error and not an empty policy. */
export function createPolicyFile(path: string, required: boolean): PolicyFile {
  let changes: Promise<unknown> = Promise.resolve();
  const read = async (): Promise<TrustPolicy> => {
    const text = await readBounded(path, MAX_POLICY_BYTES, path, required ? null : "{}");
    return parsePolicy(text, path);
  };
  const keysOf = (rule: SignedRule) =>
    Promise.all(
      rule.keys.map(async (key, index) => {
        const inline = key.includes("-----BEGIN");
        const file = resolve(dirname(path), key);
        const pem = inline ? key : await readBounded(file, MAX_KEY_BYTES, path, null);
        return readKey(pem, inline ? `its key ${index + 1}` : file, path);
      }),
    );
  const change = async (prefix: string | null, rule: TrustRule | null): Promise<TrustPolicy> => {
    if (prefix !== null) checkPrefix(prefix, path);
    if (rule !== null && typeof rule !== "string") await keysOf(rule);
    const after = changed(await read(), prefix, rule);
    await writeFileDurably(path, `${JSON.stringify(after, null, 2)}\n`);
    return after;
  };
  return {
    path,
    read,
    keysOf,
    change(prefix, rule) {
      const next = changes.then(() => change(prefix, rule));
      changes = next.catch(() => undefined);
      return next;
    },
  };
}

function changed(policy: TrustPolicy, prefix: string | null, rule: TrustRule | null): TrustPolicy {
  if (prefix === null) {
    const { default: _before, ...rest } = policy;
    return rule === null ? rest : { ...rest, default: rule };
  }
  const others = Object.entries(policy.repositories ?? {}).filter(([name]) => name !== prefix);
  const rules = rule === null ? others : [...others, [prefix, rule] as const];
  return { ...policy, repositories: Object.fromEntries(rules.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

async function readBounded(file: string, maxBytes: number, policy: string, whenAbsent: string | null): Promise<string> {
  try {
    if ((await stat(file)).size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    return await readFile(file, "utf8");
  } catch (error) {
    if (whenAbsent !== null && errnoOf(error) === "ENOENT") return whenAbsent;
    throw invalidPolicy(policy, `cannot read ${file}: ${errorText(error)}`, error);
  }
}

function readKey(pem: string, what: string, policy: string): KeyObject {
  try {
    return readPublicKey(pem, what);
  } catch (error) {
    throw invalidPolicy(policy, errorText(error), error);
  }
}
