import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { formatReference, namesRegistry, parseReference, type Reference } from "../../../shared/oci/index.ts";

const SignedSchema = Type.Object(
  {
    /** PEM text, or paths of PEM files: absolute, or from the policy's folder. One signature by one of them is enough. */
    keys: Type.Array(Type.String({ minLength: 1, maxLength: 16_384 }), { minItems: 1, maxItems: 32 }),
    /**
     * Which repository a signature must name: "repository" (the default) the one that is asked for, "any" none in
     * particular, or REGISTRY/REPOSITORY for copies that were signed there.
     */
    identity: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  },
  { additionalProperties: false },
);

export const TrustRuleSchema = Type.Union([Type.Literal("allow"), Type.Literal("reject"), SignedSchema]);

const PolicySchema = Type.Object(
  {
    /** For what no prefix names; allow when left out. */
    default: Type.Optional(TrustRuleSchema),
    /** REGISTRY or REGISTRY/PATH -> rule. The longest prefix of whole path components wins. */
    repositories: Type.Optional(Type.Record(Type.String(), TrustRuleSchema)),
  },
  { additionalProperties: false },
);

export type SignedRule = Static<typeof SignedSchema>;
export type TrustRule = Static<typeof TrustRuleSchema>;
export type TrustPolicy = Static<typeof PolicySchema>;

/** The prefix that a rule belongs to; null for the default. */
export interface FoundRule {
  prefix: string | null;
  rule: TrustRule;
}

/** Reads a policy; anything it does not know is an error, so that a typo never opens a repository. @throws BerthError trust_policy_invalid */
export function parsePolicy(text: string, path: string): TrustPolicy {
  const value = parseJson(text, path);
  const [problem] = Value.Errors(PolicySchema, value);
  if (problem !== undefined || !Value.Check(PolicySchema, value))
    throw invalidPolicy(path, `${problem?.instancePath || "/"} ${problem?.message ?? "is not valid"}`);
  for (const prefix of Object.keys(value.repositories ?? {})) checkPrefix(prefix, path);
  return value;
}

/** @throws BerthError trust_policy_invalid when the text is not REGISTRY or REGISTRY/PATH without tag and digest */
export function checkPrefix(prefix: string, path: string): void {
  if (!namesRegistry(`${prefix}/x`))
    throw invalidPolicy(path, `${JSON.stringify(prefix)} does not begin with a registry, as docker.io/library`);
  try {
    const { registry, repository } = parseReference(`${prefix}/x`);
    if (`${registry}/${repository}` === `${prefix}/x` || `${registry}/${repository}` === `${prefix}/library/x`) return;
  } catch (error) {
    throw invalidPolicy(path, `${JSON.stringify(prefix)} is not REGISTRY or REGISTRY/PATH: ${errorText(error)}`);
  }
  throw invalidPolicy(path, `${JSON.stringify(prefix)} is not REGISTRY or REGISTRY/PATH`);
}

/** The rule of a repository, given as "registry.example/team/app"; null is no repository at all. */
export function ruleFor(policy: TrustPolicy, repository: string | null): FoundRule {
  const rules = Object.entries(policy.repositories ?? {});
  const fitting = rules.filter(([prefix]) => repository !== null && (repository === prefix || repository.startsWith(`${prefix}/`)));
  const [longest] = fitting.sort(([a], [b]) => b.length - a.length);
  return longest === undefined ? { prefix: null, rule: policy.default ?? "allow" } : { prefix: longest[0], rule: longest[1] };
}

/** "registry.example/team/app" of a reference. */
export function repositoryOf({ registry, repository }: Reference): string {
  return formatReference({ registry, repository, tag: null, digest: null });
}

/** trust_policy_invalid: while it stands no image is pulled or started. */
export function invalidPolicy(path: string, why: string, cause?: unknown): BerthError {
  return new BerthError("trust_policy_invalid", `the trust policy ${path} cannot be used: ${why}`, cause === undefined ? {} : { cause });
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidPolicy(path, `it is not JSON: ${errorText(error)}`);
  }
}
