import { expect, test } from "vitest";
import { parseEndpoint } from "../../../src/cli/client/endpoint.ts";
import { queryString } from "../../../src/cli/client/http.ts";
import { problemToError } from "../../../src/cli/client/problem.ts";

test("a socket may be written with and without its scheme", () => {
  expect(parseEndpoint("unix:///run/berth/api.sock")).toMatchObject({ kind: "unix", socketPath: "/run/berth/api.sock" });
  expect(parseEndpoint("/run/berth/api.sock")).toMatchObject({ kind: "unix", socketPath: "/run/berth/api.sock" });
});

test("an address without a scheme is http", () => {
  expect(parseEndpoint("head:8470")).toMatchObject({ kind: "tcp", label: "http://head:8470" });
  expect(parseEndpoint("https://[::1]:8470")).toMatchObject({ kind: "tcp", label: "https://[::1]:8470" });
});

test.each(["", "ftp://host", "unix://relative.sock", "http://"])("%j is no address", (text) => {
  expect(() => parseEndpoint(text)).toThrow(/is not an address/);
});

test("a query repeats lists and leaves out what is undefined", () => {
  expect(queryString({ ref: ["a:1", "b"], tail: 0, rank: undefined })).toBe("?ref=a%3A1&ref=b&tail=0");
  expect(queryString({})).toBe("");
});

test("a problem keeps its code, hint and field; an unknown code falls back to its status", () => {
  const body = JSON.stringify({
    code: "invalid_job_spec",
    detail: "bad",
    hint: "do this",
    errors: [{ field: "/name", message: "too long" }],
  });
  expect(problemToError(400, body, "x")).toMatchObject({ code: "invalid_job_spec", field: "/name", details: { hint: "do this" } });
  expect(problemToError(403, JSON.stringify({ code: "from_the_future", detail: "no" }), "x")).toMatchObject({
    code: "forbidden",
    message: "no",
  });
  expect(problemToError(502, "<html>", "proxy").message).toBe("proxy answered with status 502");
  expect(problemToError(400, '{"code":"__proto__"}', "x").code).toBe("invalid_request");
});
