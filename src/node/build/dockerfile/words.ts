/** Gives a variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/**
 * Docker's shell words: quotes group and vanish, the escape character takes the next character as it is, and
 * $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word} (and the forms without the colon) are replaced, but not in single quotes.
 * Throws an Error saying what is wrong.
 */
export function splitWords(text: string, lookup: Lookup, escapeChar: string): string[] {
  const words: string[] = [];
  const scanner = createScanner(text, lookup, escapeChar);
  for (;;) {
    scanner.skipBlanks();
    if (scanner.atEnd()) return words;
    words.push(scanner.word(true));
  }
}

/** The same for a text that is one word, blanks included. */
export function expandWord(text: string, lookup: Lookup, escapeChar: string): string {
  return createScanner(text, lookup, escapeChar).word(false);
}

function createScanner(text: string, lookup: Lookup, escapeChar: string) {
  let at = 0;

  const until = (end: string): string => {
    const close = text.indexOf(end, at);
    if (close < 0) throw new Error(`${end} is missing in ${JSON.stringify(text)}`);
    const part = text.slice(at, close);
    at = close + end.length;
    return part;
  };
  const doubleQuoted = (): string => {
    let out = "";
    for (;;) {
      if (at >= text.length) throw new Error(`" is missing in ${JSON.stringify(text)}`);
      const char = text[at++] as string;
      if (char === '"') return out;
      const next = text[at];
      if (char === escapeChar && (next === '"' || next === "$" || next === escapeChar)) out += text[at++];
      else out += char === "$" ? variable() : char;
    }
  };
  const variable = (): string => {
    const plain = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#])/.exec(text.slice(at, at + 256));
    if (plain !== null) {
      at += plain[0].length;
      return lookup(plain[0]) ?? "";
    }
    if (text[at] !== "{") return "$";
    at++;
    return braced();
  };
  const braced = (): string => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(:?[-+?])?/.exec(text.slice(at, at + 256));
    if (match === null) throw new Error(`a variable in ${JSON.stringify(text)} has no name`);
    at += match[0].length;
    const value = lookup(match[1] as string);
    const operator = match[2] ?? "";
    const word = bracedWord();
    if (operator === "" && word !== "") throw new Error(`the modifier of \${${match[1]}} in ${JSON.stringify(text)} is not supported`);
    const set = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (operator.endsWith("+")) return set ? expandWord(word, lookup, escapeChar) : "";
    if (operator.endsWith("-")) return set ? (value as string) : expandWord(word, lookup, escapeChar);
    if (operator.endsWith("?") && !set) throw new Error(`${match[1]} is not set: ${word}`);
    return value ?? "";
  };
  /** Up to the brace that closes this one; inner pairs belong to inner variables. */
  const bracedWord = (): string => {
    const start = at;
    for (let depth = 1; at < text.length; at++) {
      if (text[at] === escapeChar) at++;
      else if (text[at] === "{") depth++;
      else if (text[at] === "}" && --depth === 0) return text.slice(start, at++);
    }
    throw new Error(`} is missing in ${JSON.stringify(text)}`);
  };

  return {
    atEnd: () => at >= text.length,
    skipBlanks() {
      while (at < text.length && isBlank(text[at] as string)) at++;
    },
    word(endsAtBlank: boolean): string {
      let out = "";
      while (at < text.length && !(endsAtBlank && isBlank(text[at] as string))) {
        const char = text[at++] as string;
        if (char === "'") out += until("'");
        else if (char === '"') out += doubleQuoted();
        else if (char === "$") out += variable();
        else if (char === escapeChar && at < text.length) out += text[at++];
        else out += char;
      }
      return out;
    },
  };
}

function isBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\n" || char === "\r";
}
