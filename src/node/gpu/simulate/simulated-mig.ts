import { createHash } from "node:crypto";
import { BerthError, migPart } from "../../../shared/domain/index.ts";

/** GPU index -> the MIG profiles it is split into: {0: ["3g.40gb", "1g.10gb"]}. */
export type SimulatedMig = Readonly<Record<number, readonly string[]>>;

/** One device of a simulated GPU in MIG mode. */
export interface SimulatedMigDevice {
  gpu: number;
  /** Place among the devices of its GPU. */
  place: number;
  uuid: string;
  profile: string;
  gpuInstance: number;
  memoryMib: number;
}

const PROFILE = /^[1-7]g\.([1-9]\d{0,2})gb$/;
/** Compute slices of an A100 or H100 (NVIDIA MIG user guide). */
const SLICES = 7;
/** NVIDIA numbers the smallest instances from 7. */
const FIRST_INSTANCE = 7;
/** What the driver keeps of each instance's memory. */
const RESERVED_MIB = 384;

/**
 * "0=3g.40gb,1g.10gb" -> {0: ["3g.40gb", "1g.10gb"]}.
 * @throws BerthError invalid_request
 */
export function parseSimulatedMig(texts: readonly string[]): SimulatedMig {
  return Object.fromEntries(
    texts.map((text) => {
      const [, gpu = "", profiles = ""] = /^(\d{1,2})=([\w.,]{1,200})$/.exec(text) ?? refuse(text, "is not GPU=PROFILE,PROFILE");
      return [Number(gpu), checked(text, profiles.split(","))];
    }),
  );
}

function checked(text: string, profiles: string[]): string[] {
  const unknown = profiles.find((profile) => !PROFILE.test(profile));
  if (unknown !== undefined) refuse(text, `${JSON.stringify(unknown)} is no MIG profile like 1g.10gb`);
  const slices = profiles.reduce((sum, profile) => sum + Math.round(migPart(profile) * SLICES), 0);
  if (slices > SLICES) refuse(text, `${slices} slices are more than the ${SLICES} of a GPU`);
  return profiles;
}

/** UUIDs come from the node's seed, so they outlast restarts. */
export function simulatedMigDevices(mig: SimulatedMig, seed: string): SimulatedMigDevice[] {
  return Object.entries(mig).flatMap(([gpu, profiles]) =>
    profiles.map((profile, place) => ({
      ...{ gpu: Number(gpu), place, profile, gpuInstance: FIRST_INSTANCE + place },
      uuid: uuidOf(`${seed} ${gpu} ${place} ${profile}`),
      memoryMib: Number(PROFILE.exec(profile)?.[1] ?? 0) * 1024 - RESERVED_MIB,
    })),
  );
}

function uuidOf(text: string): string {
  const digits = createHash("sha256").update(text).digest("hex");
  return `MIG-${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}

function refuse(text: string, why: string): never {
  throw new BerthError("invalid_request", `--simulate-mig ${JSON.stringify(text)}: ${why}; write it like 0=3g.40gb,1g.10gb`);
}
