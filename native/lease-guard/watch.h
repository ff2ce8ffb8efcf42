#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../src/unique-fd.h"

namespace berth {

std::int64_t bootTimeMs();

struct Changes {
  /// Names that appeared, were replaced or went.
  std::vector<std::string> names;
  /// Events were lost: look at everything.
  bool overflow = false;
  /// The folder itself was removed.
  bool folderGone = false;
};

/// inotify on one folder and a CLOCK_BOOTTIME timer, which goes on while the machine is suspended.
class Watch {
 public:
  /// @throws std::system_error
  explicit Watch(int folder);

  /// Waits for a change or for `wakeAtMs` (none: only for a change).
  Changes wait(std::optional<std::int64_t> wakeAtMs);

 private:
  void arm(std::optional<std::int64_t> wakeAtMs);
  Changes drain();

  UniqueFd inotify_;
  UniqueFd timer_;
};

}  // namespace berth
