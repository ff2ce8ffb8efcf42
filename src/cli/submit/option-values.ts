import { InvalidArgumentError } from "commander";
import { errorText, parseBytes, parseCpuMillis, parseDurationSeconds } from "../../shared/domain/index.ts";

/** Checks of option values at the command line, so that a typing error is a usage error before anything is sent. */
export function positiveInteger(text: string): number {
  return wholeNumber(text, 1);
}

export function naturalNumber(text: string): number {
  return wholeNumber(text, 0);
}

export function integer(text: string): number {
  return wholeNumber(text, Number.MIN_SAFE_INTEGER);
}

function wholeNumber(text: string, least: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least))
    throw new InvalidArgumentError(least <= 0 && least !== 0 ? "it must be a whole number." : `it must be a whole number from ${least}.`);
  return value;
}

export const size = checked(parseBytes);
export const cpus = checked(parseCpuMillis);
export const duration = checked(parseDurationSeconds);

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
