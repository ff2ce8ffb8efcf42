#include "guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "cgroup-kill.h"
#include "watch.h"

namespace berth {

static constexpr std::int64_t kIdleMs = 10'000;
/// A killed cgroup is looked at again soon, then (a process in uninterruptible sleep) seldom.
static constexpr int kQuickAttempts = 100;
static constexpr std::int64_t kQuickMs = 20;
static constexpr std::int64_t kSlowMs = 1'000;

/// The agent that leaves a machine without containers makes this file: an idle guard then ends at once.
static constexpr const char* kRetireFile = ".retire";

static void complain(const std::string& name, const std::string& text) {
  fprintf(stderr, "lease-guard: lease %s: %s\n", name.c_str(), text.c_str());
}

void Guard::load(const std::string& name) {
  if (!isLeaseName(name)) return;
  std::optional<LeaseFile> file = readLease(folder_, name);
  if (!file) {
    leases_.erase(name);
    return;
  }
  const bool isNew = leases_.count(name) == 0;
  Lease& lease = leases_[name];
  // A lease is written every few seconds: each complaint is made once.
  if (!file->deadlineMs && (isNew || lease.file.deadlineMs)) complain(name, "no deadline in its first line: it cannot expire");
  if (file->cgroups.empty() && (isNew || !lease.file.cgroups.empty())) complain(name, "names no cgroup");
  lease.file = std::move(*file);
  lease.expired = lease.expired || isMarkedExpired(folder_, name);
  lease.wakeAtMs = lease.expired ? 0 : lease.file.deadlineMs;
  lease.done = false;
}

void Guard::loadAll() {
  UniqueFd folder(openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(folder.valid() ? fdopendir(folder.get()) : nullptr, closedir);
  if (!entries) throw std::system_error(errno, std::generic_category(), "open leases folder");
  folder.release();
  std::map<std::string, Lease> before;
  std::swap(before, leases_);
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (const auto known = before.find(name); known != before.end()) leases_.insert(*known);
    load(name);
  }
}

/// Empty when nothing is left in any of its cgroups; Refused when one of them could not be looked into.
KillResult Guard::killAll(const std::string& name, Lease& lease) {
  bool populated = false, refused = false;
  for (const std::string& cgroup : lease.file.cgroups) {
    const KillResult result = killCgroup(cgroup, name);
    if (result == KillResult::StillPopulated) populated = true;
    if (result != KillResult::Refused) continue;
    refused = true;
    if (lease.attempts == 0) complain(name, "not a cgroup of this container: " + cgroup);
  }
  if (populated) return KillResult::StillPopulated;
  return refused ? KillResult::Refused : KillResult::Empty;
}

void Guard::enforce(const std::string& name, Lease& lease, std::int64_t nowMs) {
  if (!lease.wakeAtMs || *lease.wakeAtMs > nowMs) return;
  if (!lease.expired) {
    // Marked before the kill: whoever sees the container end finds the reason already there.
    if (!markExpired(folder_, name)) complain(name, std::string("cannot mark it expired: ") + strerror(errno));
    complain(name, "expired, killing its processes");
    lease.expired = true;
  }
  const KillResult result = killAll(name, lease);
  lease.attempts++;
  if (result == KillResult::StillPopulated) {
    lease.wakeAtMs = nowMs + (lease.attempts < kQuickAttempts ? kQuickMs : kSlowMs);
  } else {
    lease.wakeAtMs.reset();
    // Without its mark the reason would be lost with this process; what could not be looked into may be alive.
    lease.done = result == KillResult::Empty && isMarkedExpired(folder_, name);
  }
}

void Guard::enforceAll(std::int64_t nowMs) {
  for (auto& [name, lease] : leases_) enforce(name, lease, nowMs);
}

bool Guard::isIdle() const {
  return std::all_of(leases_.begin(), leases_.end(), [](const auto& entry) { return entry.second.done; });
}

std::optional<std::int64_t> Guard::nextWakeMs(std::int64_t idleSinceMs) const {
  if (isIdle()) return idleSinceMs + kIdleMs;
  std::optional<std::int64_t> next;
  for (const auto& [name, lease] : leases_) {
    if (lease.wakeAtMs) next = std::min(next.value_or(INT64_MAX), *lease.wakeAtMs);
  }
  return next;
}

/// Another guard keeps the lock; an agent that asked this one to retire has it for a moment only.
static bool lockSoon(int folder) {
  constexpr int kTries = 50;
  constexpr useconds_t kPauseUs = 2'000;
  for (int attempt = 0; attempt < kTries; attempt++) {
    if (flock(folder, LOCK_EX | LOCK_NB) == 0) return true;
    usleep(kPauseUs);
  }
  return false;
}

/// Whoever wrote a lease and then found the lock taken relies on this guard. So the lock is given up first and the
/// folder looked at afterwards: a lease from before that moment is seen here, one from after it finds the lock free.
/// The cgroups of leases that are done are looked into once more: what a runtime put there late is killed, not left.
bool Guard::lockAgain() {
  flock(folder_, LOCK_UN);
  loadAll();
  enforceAll(bootTimeMs());
  return !isIdle() && lockSoon(folder_);
}

void Guard::run(const std::function<void()>& ready) {
  Watch watch(folder_);
  loadAll();
  ready();
  std::int64_t idleSinceMs = bootTimeMs();
  for (;;) {
    const bool wasIdle = isIdle();
    enforceAll(bootTimeMs());
    if (!wasIdle) idleSinceMs = bootTimeMs();
    const Changes changes = watch.wait(nextWakeMs(idleSinceMs));
    if (changes.folderGone) return;
    const bool wasEmpty = leases_.empty();
    if (changes.overflow) loadAll();
    for (const std::string& name : changes.names) load(name);
    if (!wasEmpty && leases_.empty()) idleSinceMs = bootTimeMs();
    if (std::find(changes.names.begin(), changes.names.end(), kRetireFile) != changes.names.end()) idleSinceMs = bootTimeMs() - kIdleMs;
    if (isIdle() && bootTimeMs() >= idleSinceMs + kIdleMs && !lockAgain()) return;
  }
}

}  // namespace berth
