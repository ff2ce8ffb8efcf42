export { brandsOfModel } from "./brand-of-model.ts";
export { parseGoBool } from "./go-bool.ts";
export { type ImageRequirements, imageRequirements, isLegacyImage } from "./image-requirements.ts";
export { parseRequirement, type Requirement, type RequirementRule } from "./parse-requirement.ts";
export { boundedValue, invalid, listItems, quoted } from "./request-limits.ts";
export { requirementConditions } from "./requirement-conditions.ts";
export { compareVersions, isVersion, satisfies } from "./version.ts";
