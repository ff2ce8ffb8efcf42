import http from "node:http";

const ANSWER_TIMEOUT_MS = 2_000;

/** True when a GET on a unix socket answers with a success. */
export function isServing(socketPath: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path, host: "localhost", agent: false, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 300);
    });
    request.once("error", () => resolve(false));
    request.once("timeout", () => request.destroy());
  });
}
