import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import { formatReference, parseReference, type Reference, type RegistryClient } from "../../../shared/oci/index.ts";
import { coveringDigests, createEvidenceFolder, type EvidenceFolder, type StoredSignature } from "./evidence.ts";
import { findSignatures, type Place } from "./find-signatures.ts";
import { type Demand, judgeSignature } from "./judge-signature.ts";
import { type FoundRule, repositoryOf, ruleFor, type SignedRule } from "./policy.ts";
import { createPolicyFile, type PolicyFile } from "./policy-file.ts";

/** An image about to be fetched or used, by what names it. */
export interface Candidate {
  /** "registry.example/team/app"; null for an image that has no name. */
  repository: string | null;
  /** Of its manifest: what will run. */
  digest: string;
  /** The indexes it was chosen from, outermost first. */
  indexes: readonly Buffer[];
  /** By which an index that holds it may be found, where none is known. */
  tag?: string;
  /** Of its registry. */
  client(): Promise<RegistryClient>;
}

/** Why an image is admitted. */
export interface Admission extends FoundRule {
  /** What the signature that decided is about; null without one. */
  signed: string | null;
}

/** The part of an image that is asked for. */
interface KnownImage {
  digest: string;
  references: readonly string[];
}

/** Decides by policy what may be fetched and run. Whatever cannot be decided is refused. */
export interface TrustGate {
  readonly policy: PolicyFile;
  /** @throws BerthError image_untrusted, trust_policy_invalid, registry_* */
  admit(candidate: Candidate, signal: AbortSignal): Promise<Admission>;
  /**
   * An image of this node, as `reference` names it. One that is named by digest counts under any of its own names.
   * @throws as admit
   */
  admitImage(reference: string, image: KnownImage, signal: AbortSignal): Promise<Admission>;
  /** Drops signatures of images that are gone. */
  forgetAllBut(digests: ReadonlySet<string>): Promise<void>;
}

export interface TrustOptions {
  /** The policy file, and whether it must be there. */
  policyPath: string;
  required: boolean;
  /** Where signatures are kept. */
  evidenceFolder: string;
  clientFor(reference: string): Promise<RegistryClient>;
}

/** Reads the policy at each question, so a change counts from the next pull or start. */
export function createTrustGate(options: TrustOptions): TrustGate {
  const policy = createPolicyFile(options.policyPath, options.required);
  const evidence = createEvidenceFolder(options.evidenceFolder);
  const admit: TrustGate["admit"] = async (candidate, signal) => {
    const found = ruleFor(await policy.read(), candidate.repository);
    if (found.rule === "allow") return { ...found, signed: null };
    if (found.rule === "reject") throw untrusted(candidate, found, "it is rejected");
    return { ...found, signed: await signedDigest({ policy, evidence }, candidate, { ...found, rule: found.rule }, signal) };
  };
  return {
    policy,
    admit,
    async admitImage(reference, image, signal) {
      const client = (name: string) => () => options.clientFor(name);
      const names = namesToAsk(reference, image);
      if (names.length === 0) return admit({ repository: null, digest: image.digest, indexes: [], client: client(reference) }, signal);
      return firstAdmission(names, (name) => {
        const parsed = parseReference(name);
        const tag = parsed.digest ?? parsed.tag;
        const candidate = {
          repository: repositoryOf(parsed),
          digest: image.digest,
          indexes: [],
          ...(tag && { tag }),
          client: client(name),
        };
        return admit(candidate, signal);
      });
    },
    forgetAllBut: (digests) => evidence.keepOnly(digests),
  };
}

interface Records {
  policy: PolicyFile;
  evidence: EvidenceFolder;
}

/** What was signed, by what is kept here or by what the registry has now. */
async function signedDigest(
  { policy, evidence }: Records,
  candidate: Candidate,
  found: FoundRule & { rule: SignedRule },
  signal: AbortSignal,
): Promise<string> {
  const keys = await policy.keysOf(found.rule);
  const { repository, digest } = candidate;
  if (repository === null) throw untrusted(candidate, found, "it has no name, and signatures are looked for by name");
  const kept = await evidence.read(digest);
  const indexes = candidate.indexes.length > 0 ? candidate.indexes : (kept?.indexes ?? []).map((text) => Buffer.from(text, "base64"));
  const demand: Demand = { keys, digests: coveringDigests(digest, indexes), repository: demandedRepository(found.rule, repository) };
  const known = kept?.signatures.find((signature) => judgeSignature(signature, demand) === null);
  if (known !== undefined) return digest;
  const problems: string[] = [];
  const place = { client: await candidate.client(), repository: parseReference(repository).repository, signal };
  const asked = await search(place, demand, demand.digests, problems);
  if (asked !== null) return keep(evidence, candidate, indexes, asked);
  const index = candidate.tag === undefined ? null : await indexAt(place, candidate.tag, digest);
  const wider = index === null ? demand : { ...demand, digests: coveringDigests(digest, [index]) };
  const late = index === null ? null : await search(place, wider, wider.digests.slice(1), problems);
  if (index !== null && late !== null) return keep(evidence, candidate, [index], late);
  const why = problems.length === 0 ? "it has no signature" : `no signature counts: ${[...new Set(problems)].slice(0, 5).join("; ")}`;
  throw untrusted(candidate, found, why);
}

interface Decisive {
  signature: StoredSignature;
  covering: string;
}

/** The first signature that the demand is content with; null when there is none, the reasons are added to `problems`. */
async function search(place: Place, demand: Demand, digests: readonly string[], problems: string[]): Promise<Decisive | null> {
  for (const covering of digests) {
    for await (const one of findSignatures(place, covering)) {
      const problem = "problem" in one ? one.problem : judgeSignature(one.signature, demand);
      if (problem === null) return { signature: (one as { signature: StoredSignature }).signature, covering };
      problems.push(problem);
    }
  }
  return null;
}

/** An image that was pulled without its index being kept: the one that its tag names now, when the image is in it. */
async function indexAt({ client, repository, signal }: Place, tag: string, digest: string): Promise<Buffer | null> {
  try {
    const found = await client.manifest(repository, tag, signal);
    return found.kind === "index" && coveringDigests(digest, [found.bytes]).length > 1 ? found.bytes : null;
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return null;
    throw error;
  }
}

async function keep(
  evidence: EvidenceFolder,
  { digest }: Candidate,
  indexes: readonly Buffer[],
  { signature, covering }: Decisive,
): Promise<string> {
  await evidence.add(digest, indexes, signature);
  return covering;
}

function demandedRepository({ identity = "repository" }: SignedRule, asked: string): string | null {
  if (identity === "any") return null;
  return identity === "repository" ? asked : repositoryOf(parseReference(identity));
}

/** A tag is one name; a digest, or the start of one, stands for all names that the image has here. */
function namesToAsk(reference: string, image: KnownImage): readonly string[] {
  const named = tagReference(reference);
  return named !== null && image.references.includes(named) ? [named] : image.references;
}

function tagReference(text: string): string | null {
  try {
    const reference: Reference = parseReference(text);
    return reference.digest === null ? formatReference(reference) : null;
  } catch (error) {
    if (isBerthError(error, "invalid_reference")) return null;
    throw error;
  }
}

async function firstAdmission(names: readonly string[], ask: (name: string) => Promise<Admission>): Promise<Admission> {
  let failure: unknown;
  for (const name of names) {
    try {
      return await ask(name);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function untrusted({ repository, digest }: Candidate, { prefix }: FoundRule, why: string): BerthError {
  const rule = prefix === null ? "the default rule" : `the rule of ${prefix}`;
  return new BerthError("image_untrusted", `${repository ?? "the image"}@${digest} is not trusted by ${rule}: ${why}`);
}
