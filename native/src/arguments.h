#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace berth {

// Readers of JS arguments. Each throws a TypeError or RangeError naming the argument: whatever JS passes, the addon
// makes no call with a value it was not given.

/// No NUL inside: C would see a shorter string than the caller checked.
std::string textArgument(const Napi::Value& value, const char* name);
std::optional<std::string> optionalTextArgument(const Napi::Value& value, const char* name);
std::vector<std::string> textsArgument(const Napi::Value& value, const char* name);
std::uint32_t unsignedArgument(const Napi::Value& value, const char* name, std::uint32_t maximum = UINT32_MAX);
bool booleanArgument(const Napi::Value& value, const char* name);
Napi::Object objectArgument(const Napi::Value& value, const char* name);

}  // namespace berth
