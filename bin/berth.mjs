#!/usr/bin/env node
import { existsSync } from "node:fs";
import module from "node:module";

module.enableCompileCache?.();
const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const { main: run } = await import(main.href);
  await run(process.argv.slice(2));
} else {
  process.stderr.write(
    "error: Berth is not built: dist/cli/main.js is missing\nhint: run `npm ci && npm run build` in the checkout, or `npm run quickstart`\n",
  );
  process.exitCode = 1;
}
