export { createSecretFile } from "./create-secret-file.ts";
export { removeUnfinished, syncFolder, type WriteOptions, writeFileAtomically, writeFileDurably } from "./write-file.ts";
