/** What a token may carry behind it: the cluster's CA, so that the first contact is with the right server. */
const PINNED = /^(.+)@sha256:([a-f0-9]{64})$/;

/** "TOKEN@sha256:HEX", as the tokens of kubeadm and k3s do it. */
export function pinToken(token: string, fingerprint: string): string {
  return `${token}@sha256:${fingerprint}`;
}

/** A token as it is sent, and the CA fingerprint (sha256, hex) that stood behind it; null when it carried none. */
export function splitToken(text: string): { token: string; fingerprint: string | null } {
  const [, token, fingerprint] = PINNED.exec(text) ?? [];
  return token === undefined || fingerprint === undefined ? { token: text, fingerprint: null } : { token, fingerprint };
}
