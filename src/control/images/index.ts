export { awaitsLookup, wantsLookup } from "./awaits-lookup.ts";
export { createImageLookup, type ImageLookup } from "./image-lookup.ts";
