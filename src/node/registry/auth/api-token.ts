import { Agent, request } from "undici";
import { splitToken } from "../../../shared/certificates/index.ts";

const ANSWER_MS = 5_000;

/** Asks the Berth API whether a token is one of its own. An API that does not answer is a no: it fails closed. */
export function createApiTokenCheck(apiUrl: string, ca: string | null = null): (token: string) => Promise<boolean> {
  const trusting = ca === null ? {} : { dispatcher: new Agent({ connect: { ca } }) };
  return async (given) => {
    // What pins the API's CA is for clients of the API.
    const { token } = splitToken(given);
    if (!/^[\x21-\x7e]{1,1024}$/.test(token)) return false;
    try {
      const answer = await request(`${apiUrl}/v1/jobs?limit=1`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(ANSWER_MS),
        ...trusting,
      });
      await answer.body.dump();
      return answer.statusCode === 200;
    } catch {
      // An API that does not answer vouches for nobody.
      return false;
    }
  };
}
