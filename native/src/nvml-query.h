#pragma once

#include <optional>
#include <string>

namespace berth::nvml {

/// NvmlReport (src/node/platform/native.ts) as JSON. Empty when the library does not exist or says there is no driver.
/// @throws Failure with NVML's own error text
std::optional<std::string> queryReport(const std::string& library);

/// NvmlSample[]: only what changes by the second.
/// @throws Failure with NVML's own error text
std::optional<std::string> querySamples(const std::string& library);

}  // namespace berth::nvml
