// Takes images in, unpacks and removes them until it is killed: the victim of the crash test. Runs the built code.
// argv: package root, data dir.
import { Readable } from "node:stream";

const [root, dataDir] = process.argv.slice(2);
const { createImageStore, writeTar } = await import(`${root}/dist/node/images/index.js`);
const { loadNative } = await import(`${root}/dist/node/platform/index.js`);
const { systemClock } = await import(`${root}/dist/shared/domain/index.js`);

const signal = new AbortController().signal;
const store = await createImageStore({ dataDir, native: loadNative(), clock: systemClock() });

function* files(round) {
  for (let i = 0; i < 200; i++) {
    const body = Buffer.from(`${round} ${i} `.repeat(500));
    const entry = { type: "file", path: `f${i}`, linkPath: "", mode: 0o644, uid: 0, gid: 0, size: body.length, mtimeNs: 0n, xattrs: {} };
    yield { entry, body: [body] };
  }
}

process.stdout.write("started\n");
for (let round = 0; ; round++) {
  const layer = await store.addLayer(Readable.from(writeTar(files(`${process.pid}-${round}`))), signal);
  const rootfs = { type: "layers", diff_ids: [layer.diffId] };
  const image = await store.commit({
    config: { architecture: "amd64", os: "linux", config: {}, rootfs },
    layers: [layer.descriptor],
    reference: `app:${round % 3}`,
  });
  await store.unpack(image, () => undefined, signal);
  if (round % 2 === 1) await store.prune(new Set());
}
