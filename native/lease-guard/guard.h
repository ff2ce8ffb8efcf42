#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "cgroup-kill.h"
#include "lease-file.h"

namespace berth {

/// Kills what outlives its lease.
class Guard {
 public:
  /// `folder` holds the leases and is locked by the caller.
  explicit Guard(int folder) : folder_(folder) {}

  /// Returns when there has been nothing to guard for a while (no lease, or only such as are done) and nobody can have
  /// counted on this guard, or when the folder is gone. `ready` is called when every lease there is has been seen. @throws std::system_error
  void run(const std::function<void()>& ready);

 private:
  struct Lease {
    LeaseFile file;
    /// Once expired it stays so: a renewal that comes too late does not undo a kill that has begun.
    bool expired = false;
    int attempts = 0;
    /// Boot-time milliseconds of the next look at it; empty when there is nothing to wait for.
    std::optional<std::int64_t> wakeAtMs;
    /// Marked as expired and every cgroup seen empty: nothing is left that this guard could do for it.
    bool done = false;
  };

  void loadAll();
  void load(const std::string& name);
  void enforceAll(std::int64_t nowMs);
  void enforce(const std::string& name, Lease& lease, std::int64_t nowMs);
  KillResult killAll(const std::string& name, Lease& lease);
  bool isIdle() const;
  std::optional<std::int64_t> nextWakeMs(std::int64_t idleSinceMs) const;
  bool lockAgain();

  int folder_;
  std::map<std::string, Lease> leases_;
};

}  // namespace berth
