import { type Command, Option } from "commander";
import { BerthError } from "../../shared/domain/index.ts";
import { collect } from "../submit/option-values.ts";

/** How `berth up` and `berth control-plane` were told to serve TLS. */
export interface TlsOptions {
  tls?: "auto" | "always" | "never";
  tlsName?: string[];
  clusterCaCert?: string;
  clusterCaKey?: string;
}

/** Adds --tls, --tls-name, --cluster-ca-cert and --cluster-ca-key; `tlsSettings` reads them. */
export function withTls(command: Command): Command {
  return command
    .addOption(
      new Option("--tls <when>", "auto: on every address but loopback; never: only on a network that you trust").choices([
        "auto",
        "always",
        "never",
      ]),
    )
    .option("--tls-name <name>", "a name or address that clients use, besides this machine's own (repeatable)", collect)
    .option("--cluster-ca-cert <path>", "PEM file of a CA to use instead of one of its own; several control planes need the same")
    .option("--cluster-ca-key <path>", "its key");
}

/** What runControlPlane takes. @throws BerthError invalid_request for a CA without its key */
export function tlsSettings({ tls, tlsName, clusterCaCert, clusterCaKey }: TlsOptions) {
  if ((clusterCaCert === undefined) !== (clusterCaKey === undefined))
    throw new BerthError("invalid_request", "--cluster-ca-cert and --cluster-ca-key belong together");
  const files =
    clusterCaCert === undefined || clusterCaKey === undefined ? {} : { caFiles: { certificate: clusterCaCert, key: clusterCaKey } };
  const mode = tls === undefined ? {} : { tls: tls === "never" ? ("plain" as const) : tls };
  return { ...mode, ...files, ...(tlsName === undefined ? {} : { tlsNames: tlsName }) };
}

/** The same as arguments of a `berth control-plane` that is started. */
export function tlsArguments(options: TlsOptions): string[] {
  tlsSettings(options);
  const { tls, tlsName = [], clusterCaCert, clusterCaKey } = options;
  const single = [
    ["--tls", tls],
    ["--cluster-ca-cert", clusterCaCert],
    ["--cluster-ca-key", clusterCaKey],
  ] as const;
  return [
    ...single.flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...tlsName.flatMap((name) => ["--tls-name", name]),
  ];
}

/** As runControlPlane decides it, to tell people the address. */
export function showsTls({ tls }: TlsOptions, listen: string): boolean {
  return tls === "always" || (tls !== "never" && !/^(127(\.\d{1,3}){3}|localhost|\[::1\]):/.test(listen));
}
