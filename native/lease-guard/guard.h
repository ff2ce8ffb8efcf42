#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lease-file.h"

namespace berth {

/// Kills what outlives its lease.
class Guard {
 public:
  /// `folder` holds the leases and is locked by the caller.
  explicit Guard(int folder) : folder_(folder) {}

  /// Returns when no lease has existed for a while and nobody can have counted on this guard, or when the folder is
  /// gone. `ready` is called when every lease there is has been seen. @throws std::system_error
  void run(const std::function<void()>& ready);

 private:
  struct Lease {
    LeaseFile file;
    /// Once expired it stays so: a renewal that comes too late does not undo a kill that has begun.
    bool expired = false;
    int attempts = 0;
    /// Boot-time milliseconds of the next look at it; empty when there is nothing to wait for.
    std::optional<std::int64_t> wakeAtMs;
  };

  void loadAll();
  void load(const std::string& name);
  void enforceAll(std::int64_t nowMs);
  void enforce(const std::string& name, Lease& lease, std::int64_t nowMs);
  bool killAll(const std::string& name, Lease& lease);
  std::optional<std::int64_t> nextWakeMs(std::int64_t idleSinceMs) const;
  bool lockAgain();

  int folder_;
  std::map<std::string, Lease> leases_;
};

}  // namespace berth
