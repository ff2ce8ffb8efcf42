import { InvalidArgumentError } from "commander";
import { BerthError, errorText, parseBytes, parseCpuMillis, parseDurationSeconds, resolveArray } from "../../shared/domain/index.ts";

/** Checks of option values at the command line, so that a typing error is a usage error before anything is sent. */
export function positiveInteger(text: string): number {
  return wholeNumber(text, 1);
}

/** @throws InvalidArgumentError unless it is a whole number, 0 or more */
export function naturalNumber(text: string): number {
  return wholeNumber(text, 0);
}

/** @throws InvalidArgumentError unless it is a whole number of at most 15 digits, which a double holds exactly */
export function integer(text: string): number {
  return wholeNumber(text, Number.MIN_SAFE_INTEGER);
}

/** "2", or "0.5" for a part of one; which parts there are, the server says. */
export function gpuNumber(text: string): number {
  const value = /^\d{1,4}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0) || (value > 1 && !Number.isInteger(value)))
    throw new InvalidArgumentError("it must be a number of GPUs, 2, or a part of one, 0.5.");
  return value;
}

function wholeNumber(text: string, least: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least))
    throw new InvalidArgumentError(least <= 0 && least !== 0 ? "it must be a whole number." : `it must be a whole number from ${least}.`);
  return value;
}

export const size = checked(parseBytes);

/** Docker's only storage option: "size=10G". Returns the size. */
export function storageSize(text: string): string {
  const [, value] = /^size=(.+)$/.exec(text) ?? [];
  if (value === undefined) throw new InvalidArgumentError("it must be size=SIZE, as size=10G.");
  return size(value);
}

export const cpus = checked(parseCpuMillis);
export const duration = checked(parseDurationSeconds);

/** A bare number would be seconds here and is minutes to Slurm's `--time`: a job must not end after half a minute by that. */
export function timeLimit(text: string): string {
  if (/^\d+$/.test(text)) throw new InvalidArgumentError(`a number needs a unit: ${text}m for minutes, ${text}s for seconds.`);
  return duration(text);
}

/** "0-99:2%10", as a job's `array`. */
export function taskIndexes(text: string): string {
  try {
    resolveArray(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(`${errorText(error)}.`);
  }
}

/** Repeatable option: collects the values in order. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

function checked(parse: (text: string) => number): (text: string) => string {
  return (text) => {
    try {
      parse(text);
      return text;
    } catch (error) {
      throw new InvalidArgumentError(`${errorText(error)}.`);
    }
  };
}

/**
 * ["rack=r12"] -> {rack: "r12"}.
 * @throws BerthError invalid_request
 */
export function nodeLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const match = /^([A-Za-z0-9][-A-Za-z0-9_./]{0,126})=(.{0,256})$/.exec(text);
      if (match === null) throw new BerthError("invalid_request", `--label ${JSON.stringify(text)} is not key=value`);
      return [match[1] ?? "", match[2] ?? ""];
    }),
  );
}
