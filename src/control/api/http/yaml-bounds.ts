import { Lexer } from "yaml";

/**
 * What a YAML text may hold, counted by the lexer, which walks it once without recursion. The composer behind it recurses,
 * and near the end of the stack V8 aborts the whole process (no exception to catch); "? ? ?" or "&a &a" keep it busy for
 * minutes. A spec at its own limits (4096 arguments, 1000 variables, three levels) stays far below.
 */
const LIMITS = { tokens: 100_000, brackets: 32, indents: 32, tokensInLine: 24, rare: 256 };

interface Seen {
  tokens: number;
  brackets: number;
  /** Columns at which the open blocks start. */
  indents: number[];
  tokensInLine: number;
  rare: number;
}

/** @throws Error in words */
export function refuseHostileYaml(text: string): void {
  const seen: Seen = { tokens: 0, brackets: 0, indents: [], tokensInLine: 0, rare: 0 };
  for (const token of new Lexer().lex(text)) {
    count(seen, token);
    if (seen.brackets > LIMITS.brackets || seen.indents.length > LIMITS.indents || seen.tokensInLine > LIMITS.tokensInLine) {
      throw new Error("nested too deep");
    }
    if (seen.tokens > LIMITS.tokens) throw new Error(`more than ${LIMITS.tokens} tokens`);
    if (seen.rare > LIMITS.rare) throw new Error(`more than ${LIMITS.rare} anchors, tags, directives and explicit keys`);
  }
}

function count(seen: Seen, token: string): void {
  seen.tokens += 1;
  if (token === "[" || token === "{") seen.brackets += 1;
  if (token === "]" || token === "}") seen.brackets = Math.max(0, seen.brackets - 1);
  if (/^[&!%?]|^---/.test(token)) seen.rare += 1;
  // Inside brackets a whole document may stand in one line, and brackets bound it; outside, "- - -" nests.
  if (token === "\n" || token === "\r\n" || seen.brackets > 0) seen.tokensInLine = 0;
  else countInLine(seen, token);
}

function countInLine(seen: Seen, token: string): void {
  if (seen.tokensInLine === 0) {
    const column = /^ +$/.test(token) ? token.length : 0;
    seen.indents = [...seen.indents.filter((indent) => indent < column), column];
  }
  seen.tokensInLine += 1;
}
