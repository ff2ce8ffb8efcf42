import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";
import { toProblem } from "./problem.ts";

/** Every refusal and failure leaves as a problem document. */
export const answerErrors = {
  install(app: FastifyInstance): void {
    app.setErrorHandler((error, request, reply) => answer(error, request, reply));
    app.setNotFoundHandler((request, reply) => {
      const [path = ""] = request.url.split("?");
      answer(new BerthError("route_not_found", `no route ${request.method} ${JSON.stringify(path.slice(0, 200))}`), request, reply);
    });
  },
  /** For URLs that cannot even be routed. */
  framework(error: unknown, reply: FastifyReply): void {
    send(reply, toProblem(error));
  },
};

function answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error, request.routeOptions.config.specBody ? "invalid_job_spec" : "invalid_request");
  if (problem.status >= 500 && problem.code !== "redis_unavailable")
    request.log.error({ err: error, route: request.routeOptions.url }, "request failed");
  if (problem.status === 401) void reply.header("www-authenticate", 'Bearer realm="berth"');
  if (problem.status === 503) void reply.header("retry-after", "2");
  send(reply, problem);
}

function send(reply: FastifyReply, problem: ReturnType<typeof toProblem>): void {
  // As text: the media type then stays as it is, whatever schema the route has for its answers.
  void reply.code(problem.status).type("application/problem+json").serializer(String).send(JSON.stringify(problem));
}

/** Bytes that are not HTTP, headers too long or too slow: answered by hand, as there is no request yet. */
export function refuseBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return void socket.destroy();
  const [status, reason, code] = REASONS[error.code ?? ""] ?? ([400, "Bad Request", "invalid_request"] as const);
  const problem = { ...toProblem(new BerthError(code, reason.toLowerCase())), status };
  const body = JSON.stringify(problem);
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}

const REASONS: Record<string, readonly [number, string, "invalid_request" | "payload_too_large"]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "invalid_request"],
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "payload_too_large"],
};
