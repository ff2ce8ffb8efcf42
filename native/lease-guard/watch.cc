#include "watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace berth {

static UniqueFd checked(int fd, const char* call) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), call);
  return UniqueFd(fd);
}

std::int64_t bootTimeMs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

Watch::Watch(int folder)
    : inotify_(checked(inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1")),
      timer_(checked(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
  const std::string path = "/proc/self/fd/" + std::to_string(folder);
  const std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR;
  if (inotify_add_watch(inotify_.get(), path.c_str(), events) < 0) {
    throw std::system_error(errno, std::generic_category(), "inotify_add_watch");
  }
}

void Watch::arm(std::optional<std::int64_t> wakeAtMs) {
  itimerspec when{};
  // All zero would disarm the timer, so the past is one nanosecond after boot.
  const std::int64_t atMs = std::max<std::int64_t>(wakeAtMs.value_or(0), 0);
  if (wakeAtMs) {
    when.it_value.tv_sec = atMs / 1000;
    when.it_value.tv_nsec = atMs % 1000 * 1000000 + (atMs == 0 ? 1 : 0);
  }
  if (timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "timerfd_settime");
  }
}

Changes Watch::drain() {
  Changes changes;
  alignas(inotify_event) char buffer[16384];
  for (ssize_t size; (size = read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      if ((event->mask & IN_Q_OVERFLOW) != 0) changes.overflow = true;
      if ((event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_UNMOUNT)) != 0) changes.folderGone = true;
      if (event->len > 0) changes.names.emplace_back(event->name);
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  std::uint64_t expirations = 0;
  if (read(timer_.get(), &expirations, sizeof expirations) < 0 && errno != EAGAIN) {
    throw std::system_error(errno, std::generic_category(), "read timer");
  }
  return changes;
}

Changes Watch::wait(std::optional<std::int64_t> wakeAtMs) {
  arm(wakeAtMs);
  pollfd ready[2] = {{inotify_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
  while (poll(ready, 2, -1) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
  return drain();
}

}  // namespace berth
