export { createSecretFile } from "./create-secret-file.ts";
export { isDiskFull, removeUnfinished, syncFolder, type WriteOptions, writeFileAtomically, writeFileDurably } from "./write-file.ts";
