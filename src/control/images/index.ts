export { type ImageFacts, readImageFacts } from "./image-facts.ts";
export { createImageLookup, type ImageLookup } from "./image-lookup.ts";
export { createLookupRule, DEFAULT_LOOKUP, type LookupPolicy, type LookupRule } from "./lookup-policy.ts";
