// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles are what is tested.
import { describe, expect, it } from "vitest";
import { jsonWords, pairsOf } from "../../../src/node/build/dockerfile/arguments.ts";
import { parseDockerfile } from "../../../src/node/build/dockerfile/parse-dockerfile.ts";
import { findStage, readStage, splitStages, stagesFor } from "../../../src/node/build/dockerfile/stages.ts";
import { expandWord, splitWords } from "../../../src/node/build/dockerfile/words.ts";

const vars: Record<string, string> = { A: "1", EMPTY: "", B: "x y" };
const lookup = (name: string) => vars[name];
const failed = expect.objectContaining({ code: "build_failed" });

describe("a Dockerfile", () => {
  it("joins continued lines, without the comments between them", () => {
    const [, run] = parseDockerfile("FROM a\nRUN one && \\\n  # why\n\n  two \\\n  three\n");
    expect(run).toMatchObject({ line: 2, keyword: "RUN", text: "one &&   two   three" });
  });

  it("reads flags apart from arguments", () => {
    const [, copy] = parseDockerfile("FROM a\ncopy --from=b --chown=1:2 x y/\n");
    expect(copy?.keyword).toBe("COPY");
    expect([...(copy?.flags ?? [])]).toEqual([
      ["from", "b"],
      ["chown", "1:2"],
    ]);
    expect(copy?.text).toBe("x y/");
  });

  it("reads the script of a here-document", () => {
    const [, run, cmd] = parseDockerfile("FROM a\nRUN <<EOF\necho a\n  echo b\nEOF\nCMD x\n");
    expect(run?.heredoc).toBe("echo a\n  echo b\n");
    expect(cmd).toMatchObject({ keyword: "CMD", line: 6 });
  });

  it("may choose its escape character", () => {
    const [, run] = parseDockerfile("# escape=`\nFROM a\nRUN one `\n two\n");
    expect(run?.text).toBe("one  two");
  });

  it.each(["", "# only a comment\n", "FROM a\nCOPY <<EOF /x\nhi\nEOF\n"])("is refused: %j", (text) => {
    expect(() => parseDockerfile(text)).toThrow(failed);
  });
});

describe("words", () => {
  it.each([
    ["a 'b c' \"d e\"", ["a", "b c", "d e"]],
    ["$A ${A}b '$A' \"$B\" \\$A", ["1", "1b", "$A", "x y", "$A"]],
    ["${NONE:-x${A}y} ${EMPTY:-d} ${EMPTY-d}z ${A:+set} ${NONE:+set}.", ["x1y", "d", "z", "set", "."]],
    ['a\\ b "q\\"q" $ 100%', ["a b", 'q"q', "$", "100%"]],
    ["", []],
  ])("%s", (text, words) => {
    expect(splitWords(text, lookup, "\\")).toEqual(words);
  });

  it.each(["'open", '"open', "${A", "${", "${A%x}", "${NONE:?must be set}"])("refuses %s", (text) => {
    expect(() => expandWord(text, lookup, "\\")).toThrow();
  });

  it("of the exec form are a JSON list of strings, and anything else is the shell form", () => {
    expect(jsonWords('["a", "b c"]')).toEqual(["a", "b c"]);
    expect(jsonWords("[ a ]")).toBeNull();
    expect(jsonWords("[1]")).toBeNull();
  });

  it("of ENV are pairs, or one pair in the old form", () => {
    const pairs = (text: string) => pairsOf({ line: 1, keyword: "ENV", flags: new Map(), text, heredoc: null, escapeChar: "\\" }, lookup);
    expect(pairs('A=1 B="x y" C=$B')).toEqual([
      ["A", "1"],
      ["B", "x y"],
      ["C", "x y"],
    ]);
    expect(pairs("PATH /a:$A is  kept")).toEqual([["PATH", "/a:1 is  kept"]]);
    expect(() => pairs("A=1 B")).toThrow(failed);
  });
});

describe("stages", () => {
  const text = "ARG V=1\nFROM a:$V AS One\nRUN x\nFROM scratch AS unused\nRUN y\nFROM b\nCOPY --from=one /x /y\nFROM one\n";
  const { globals, stages: raw } = splitStages(parseDockerfile(text));
  const stages = raw.map((stage, index) => readStage(index, stage, () => "1"));

  it("are found by name in any case, or by number, and only before the asking one", () => {
    expect(globals).toHaveLength(1);
    expect(stages[0]?.from).toBe("a:1");
    expect(findStage(stages, "ONE", 4)?.index).toBe(0);
    expect(findStage(stages, "2", 3)?.index).toBe(2);
    expect(findStage(stages, "one", 0)).toBeNull();
  });

  it("that the target does not need are not built", () => {
    expect(stagesFor(stages, null).map(({ index }) => index)).toEqual([0, 3]);
    expect(stagesFor(stages, "2").map(({ index }) => index)).toEqual([0, 2]);
    expect(() => stagesFor(stages, "nope")).toThrow(failed);
  });

  it.each(["RUN x\nFROM a\n", "ARG A\n", "FROM a b c\n", "FROM $NONE\n"])("need a proper FROM: %j", (source) => {
    expect(() => splitStages(parseDockerfile(source)).stages.map((stage) => readStage(0, stage, () => ""))).toThrow(failed);
  });
});
