import type { FastifyRequest } from "fastify";
import { RegistryError } from "../registry-error.ts";

/** A small body as bytes. @throws RegistryError SIZE_INVALID (413), before the rest of a larger one is read */
export async function readBody(request: FastifyRequest, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): RegistryError {
  return new RegistryError("SIZE_INVALID", `the body is larger than ${maxBytes} bytes`, { status: 413, headers: { connection: "close" } });
}
