import { describe, expect, it } from "vitest";
import { BerthError } from "../../../src/shared/domain/index.ts";
import { createLogger, redactUrl } from "../../../src/shared/observe/index.ts";

function capture(options: { human?: boolean } = {}) {
  const lines: string[] = [];
  const logger = createLogger({ name: "test", sink: { write: (line) => void lines.push(line) }, ...options });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
}

describe("a log line", () => {
  it("is one JSON object with time, level by name, and who speaks", () => {
    const { logger, lines, last } = capture();
    logger.child({ room: "scheduler" }).warn({ job: "7" }, "slow\nline");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(last()).toMatchObject({
      level: "warn",
      name: "test",
      room: "scheduler",
      job: "7",
      msg: "slow\nline",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it("never shows tokens, credentials, passwords or environments, at any usual depth", () => {
    const { logger, lines } = capture();
    const secret = "hunter2-canary";
    logger.info({ token: secret, credential: secret, password: secret, env: { KEY: secret } }, "flat");
    logger.info(
      { body: { token: secret }, spec: { env: { KEY: secret } }, headers: { authorization: secret, "idempotency-key": secret } },
      "nested",
    );
    logger.info(
      { request: { headers: { authorization: secret }, body: { password: secret } }, job: { spec: { env: { KEY: secret } } } },
      "deep",
    );
    expect(lines.join("")).not.toContain(secret);
  });

  it("carries an error's catalogue code", () => {
    const { logger, last } = capture();
    logger.error({ err: new BerthError("job_not_found", "no job 7") }, "failed");
    expect(last().err).toMatchObject({ code: "job_not_found", message: "no job 7" });
  });

  it("for people is a line without control characters, whatever is logged", () => {
    const { logger, lines } = capture({ human: true });
    logger.info({ job: "\u001b[31m7", list: [1] }, "hello\r\nworld \u009b2J");
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d INFO {2}test: hello\\u000d\\u000aworld \\u009b2J {2}job=\\u001b\[31m7 {2}list=\[1\]\n$/);
  });
});

it("a URL is logged without its user and password", () => {
  expect(redactUrl("redis://admin:hunter2@host:6379/0")).toBe("redis://***@host:6379/0");
  expect(redactUrl("redis://host:6379")).toBe("redis://host:6379");
});

describe("a log on a full disk", () => {
  it("loses lines, but never ends who writes it", () => {
    const logger = createLogger({ name: "test", file: "/dev/full" });
    for (let line = 0; line < 2000; line++) logger.warn({ line }, "the disk is full");
  });
});
