#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/** "driver>=470" */
struct RequirementRule {
  std::string property, comparison, value, text;
};

/** What one NVIDIA_REQUIRE_* variable asks: at least one term whose rules all hold. No term asks nothing. */
struct Requirement {
  std::string variable, expression;
  std::vector<std::vector<RequirementRule>> terms;
};

/**
 * Every NVIDIA_REQUIRE_* of a spec's environment, and cuda>=X.Y of CUDA_VERSION where an image has that alone; none while
 * NVIDIA_DISABLE_REQUIRE is true. The grammar is that of src/node/gpu/requests/requirements. Throws Failure for what is malformed.
 */
std::vector<Requirement> read_requirements(const nlohmann::json& spec);

/** A CUDA image from before NVIDIA_REQUIRE_CUDA. */
bool is_legacy_image(const nlohmann::json& spec);

/** Throws Failure for the first requirement that the device of this host state does not meet. */
void check_requirements(const std::vector<Requirement>& requirements, const nlohmann::json& state, const nlohmann::json& device);
