export { type Authority, makeAuthority, readAuthority } from "./authority.ts";
export { describeTlsError } from "./describe-tls-error.ts";
export { fetchAuthority } from "./fetch-authority.ts";
export { issueCertificate } from "./issue-certificate.ts";
export { makeKey, makeRequest } from "./make-request.ts";
export { nodeHost, nodeOfCertificate } from "./node-identity.ts";
export { pinToken, splitToken } from "./pinned-token.ts";
export { certificateEnd, fingerprintOf } from "./read-certificate.ts";
