import { request } from "undici";

const ANSWER_MS = 5_000;

/** Asks the Berth API whether a token is one of its own. An API that does not answer is a no: it fails closed. */
export function createApiTokenCheck(apiUrl: string): (token: string) => Promise<boolean> {
  return async (token) => {
    if (!/^[\x21-\x7e]{1,1024}$/.test(token)) return false;
    try {
      const answer = await request(`${apiUrl}/v1/jobs?limit=1`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      await answer.body.dump();
      return answer.statusCode === 200;
    } catch {
      return false;
    }
  };
}
