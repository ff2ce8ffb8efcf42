import { expect, test } from "vitest";
import { parsePolicy, ruleFor } from "../../../src/node/images/trust/policy.ts";

const parse = (policy: unknown) => parsePolicy(typeof policy === "string" ? policy : JSON.stringify(policy), "/p.json");

test("the longest prefix of whole path components decides, then the default", () => {
  const policy = parse({
    default: "reject",
    repositories: { "r.example": "allow", "r.example/team": "reject", "r.example/team/app": "allow", "docker.io/library": "allow" },
  });
  const rule = (name: string | null) => ruleFor(policy, name);
  expect(rule("r.example/team/app")).toEqual({ prefix: "r.example/team/app", rule: "allow" });
  expect(rule("r.example/team/app/sub").prefix).toBe("r.example/team/app");
  expect(rule("r.example/team/apple")).toEqual({ prefix: "r.example/team", rule: "reject" });
  expect(rule("r.example/teams/app").prefix).toBe("r.example");
  expect(rule("r.example.evil/team").prefix).toBeNull();
  expect(rule("docker.io/library/debian").rule).toBe("allow");
  expect(rule("other.example/x")).toEqual({ prefix: null, rule: "reject" });
  expect(rule(null)).toEqual({ prefix: null, rule: "reject" });
});

test("an empty policy allows", () => {
  expect(ruleFor(parse({}), "r.example/x")).toEqual({ prefix: null, rule: "allow" });
});

test.each([
  ["no JSON", "{"],
  ["a list", []],
  ["an unknown member", { repos: {} }],
  ["an unknown rule", { default: "signed" }],
  ["a rule without keys", { repositories: { "r.example": { keys: [] } } }],
  ["an unknown member of a rule", { repositories: { "r.example": { keys: ["k"], key: "x" } } }],
  ["a prefix without a registry", { repositories: { team: "allow" } }],
  ["a prefix with a tag", { repositories: { "r.example/app:1": "allow" } }],
  ["a prefix with a digest", { repositories: { [`r.example/app@sha256:${"a".repeat(64)}`]: "allow" } }],
  ["a prefix that ends with a slash", { repositories: { "r.example/": "allow" } }],
  ["a prefix with upper case", { repositories: { "r.example/Team": "allow" } }],
])("a policy with %s is refused whole", (_what, policy) => {
  expect(() => parse(policy)).toThrow(expect.objectContaining({ code: "trust_policy_invalid" }));
});
