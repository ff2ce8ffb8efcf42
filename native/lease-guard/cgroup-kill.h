#pragma once

#include <string>

namespace berth {

enum class KillResult { Empty, StillPopulated, Refused };

/// Sends SIGKILL once to everything in a cgroup and below, and says whether something was still there. Call again
/// until Empty: processes may have forked meanwhile, or sit in uninterruptible sleep.
///
/// `container` must be the folder's own name: a damaged lease can then never reach a shared or root cgroup.
KillResult killCgroup(const std::string& folder, const std::string& container);

}  // namespace berth
