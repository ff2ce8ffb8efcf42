import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { makeKey, makeRequest, nodeHost } from "../../shared/certificates/index.ts";
import type { Clock } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { writeFileDurably } from "../platform/index.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import type { AgentPaths } from "./paths.ts";

/** PEM texts, and when the certificate begins and ends (milliseconds since the Unix epoch). */
export interface NodeCertificate {
  certificate: string;
  key: string;
  ca: string;
  from: number;
  to: number;
}

export interface NodeCertificates {
  current(): NodeCertificate | null;
  /**
   * Reads the stored one, or gets one for a fresh key; renews it when two thirds of its time are over. While the old one is still
   * valid a failed renewal is told in the log and tried again a little later.
   */
  ensure(nodeId: string, signal: AbortSignal): Promise<void>;
  onChange(listener: (certificate: NodeCertificate) => void): void;
}

export interface NodeCertificatesPort {
  paths: Pick<AgentPaths, "certificate" | "ca" | "openssl">;
  client: Pick<ControlPlaneClient, "certify">;
  clock: Clock;
  log: Logger;
}

const RETRY_MS = 60_000;

/** The key is made here and never leaves the node; each certificate has a fresh one. */
export function createNodeCertificates(port: NodeCertificatesPort): NodeCertificates {
  const { paths, clock, log } = port;
  const listeners: ((certificate: NodeCertificate) => void)[] = [];
  let current: NodeCertificate | null = null;
  let notBefore = 0;
  const take = (next: NodeCertificate) => {
    current = next;
    for (const listener of listeners) listener(next);
  };
  const renew = async (nodeId: string, signal: AbortSignal) => {
    const key = makeKey();
    const { certificate, ca } = await port.client.certify(await makeRequest(key, paths.openssl), signal);
    const next = describe(certificate, key, ca);
    await writeFileDurably(paths.ca, ca, { mode: 0o600 });
    await writeFileDurably(paths.certificate, certificate + key, { mode: 0o600 });
    take(next);
    log.info({ node: nodeId, until: new Date(next.to).toISOString() }, "node certificate renewed");
  };
  return {
    current: () => current,
    async ensure(nodeId, signal) {
      const stored = current ?? (await readStored(paths));
      // One of another node or CA, after a new join, is no use.
      if (stored !== current && stored !== null && isFor(stored, nodeId)) take(stored);
      const now = clock.now();
      if (current !== null && isFor(current, nodeId) && now < current.from + ((current.to - current.from) * 2) / 3) return;
      const usable = current !== null && isFor(current, nodeId) && now < current.to;
      if (usable && clock.monotonic() < notBefore) return;
      try {
        await renew(nodeId, signal);
      } catch (error) {
        if (!usable || signal.aborted) throw error;
        notBefore = clock.monotonic() + RETRY_MS;
        log.warn({ err: error }, "cannot renew the node's certificate yet");
      }
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

function isFor({ certificate, ca }: NodeCertificate, nodeId: string): boolean {
  const parsed = new X509Certificate(certificate);
  return parsed.subjectAltName === `DNS:${nodeHost(nodeId)}` && parsed.verify(new X509Certificate(ca).publicKey);
}

/** Null when there is none, or what is there is damaged: then a new one is made. */
async function readStored(paths: NodeCertificatesPort["paths"]): Promise<NodeCertificate | null> {
  try {
    const [text, ca] = await Promise.all([readFile(paths.certificate, "utf8"), readFile(paths.ca, "utf8")]);
    const split = text.indexOf("-----BEGIN PRIVATE KEY-----");
    return split < 0 ? null : describe(text.slice(0, split), text.slice(split), ca);
  } catch {
    return null;
  }
}

function describe(certificate: string, key: string, ca: string): NodeCertificate {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { certificate, key, ca, from: Date.parse(validFrom), to: Date.parse(validTo) };
}
