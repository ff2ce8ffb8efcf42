#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace berth {

struct LeaseFile {
  /// CLOCK_BOOTTIME milliseconds; empty when the first line is not a number: then the lease never expires here.
  std::optional<std::int64_t> deadlineMs;
  /// Absolute cgroup folders.
  std::vector<std::string> cgroups;
};

/// A lease is named after its container: [a-z0-9][a-z0-9-]{0,62}. Anything else in the folder is not one (markers,
/// files being written).
bool isLeaseName(const std::string& name);

/// Line 1 the deadline, every further line a cgroup folder.
LeaseFile parseLease(const std::string& text);

/// Empty when there is no such file.
std::optional<LeaseFile> readLease(int folder, const std::string& name);

/// Leaves NAME.expired, so that whoever finds the container dead knows why.
bool markExpired(int folder, const std::string& name);
bool isMarkedExpired(int folder, const std::string& name);

}  // namespace berth
