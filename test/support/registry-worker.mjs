// Serves a data dir as a registry until it is killed: the victim of the crash tests. Runs the built code.
// argv: package root, data dir.
const [root, dataDir] = process.argv.slice(2);
const { createImageStore } = await import(`${root}/dist/node/images/index.js`);
const { startRegistry } = await import(`${root}/dist/node/registry/index.js`);
const { loadNative } = await import(`${root}/dist/node/platform/index.js`);
const { systemClock } = await import(`${root}/dist/shared/domain/index.js`);
const { silentLogger } = await import(`${root}/dist/shared/observe/index.js`);

const native = loadNative();
const clock = systemClock();
const store = await createImageStore({ dataDir, native, clock });
const { port } = await startRegistry({ dataDir, listen: { host: "127.0.0.1", port: 0 }, native, clock, log: silentLogger() });
process.stdout.write(`${port}\n`);
// Held as long as the process lives: its session's lock goes with it.
process.once("SIGTERM", () => store.close());
