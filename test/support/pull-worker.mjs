// Pulls one image and ends, unless it is killed before. Runs the built code.
// argv: package root, data dir, reference.
const [root, dataDir, reference] = process.argv.slice(2);
const { createImageStore } = await import(`${root}/dist/node/images/index.js`);
const { loadNative } = await import(`${root}/dist/node/platform/index.js`);
const { systemClock } = await import(`${root}/dist/shared/domain/index.js`);
const { createRegistryAccess } = await import(`${root}/dist/shared/oci/index.js`);

const clock = systemClock();
const store = await createImageStore({ dataDir, native: loadNative(), clock });
const access = createRegistryAccess({ env: { HOME: dataDir }, clock });
const client = await access.clientFor(reference, null);
process.stdout.write("started\n");
await store.pull({ reference, platform: null, client }, () => undefined, new AbortController().signal);
await access.close();
await store.close();
