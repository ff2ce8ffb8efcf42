#include "cgroup-kill.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "../src/unique-fd.h"

namespace berth {
namespace {

constexpr int kMaxDepth = 64;

std::string readAll(int folder, const char* name) {
  const UniqueFd file(openat(folder, name, O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[16384];
  for (ssize_t got; file.valid() && (got = read(file.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

bool writeTo(int folder, const char* name, const std::string& text) {
  const UniqueFd file(openat(folder, name, O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// 0 (a process outside our PID namespace) is left out: kill would take it for our own group.
std::set<pid_t> processesIn(int folder) {
  const std::string text = readAll(folder, "cgroup.procs");
  std::set<pid_t> pids;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const long pid = strtol(text.c_str() + at, nullptr, 10);
    if (pid > 1) pids.insert(static_cast<pid_t>(pid));
    if (text.find('\n', at) == std::string::npos) break;
  }
  return pids;
}

/// The descriptors are opened between two looks at the list: a pid that was recycled outside is not in the second, one
/// that was recycled later makes the signal fail.
bool killOnce(int folder) {
  std::vector<std::pair<pid_t, UniqueFd>> opened;
  for (const pid_t pid : processesIn(folder)) {
    opened.emplace_back(pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  }
  if (opened.empty()) return false;
  const std::set<pid_t> still = processesIn(folder);
  for (const auto& [pid, process] : opened) {
    if (process.valid() && still.count(pid) != 0) syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  }
  // A process frozen by the v1 freezer dies only when it thaws.
  writeTo(folder, "freezer.state", "THAWED");
  return true;
}

bool killTree(UniqueFd folder, int depth) {
  bool populated = killOnce(folder.get());
  if (depth >= kMaxDepth) return populated;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(folder.get()), closedir);
  if (!entries) return populated;
  const int held = folder.release();
  while (const dirent* entry = readdir(entries.get())) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    UniqueFd child(openat(held, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child.valid() && killTree(std::move(child), depth + 1)) populated = true;
  }
  return populated;
}

bool isCgroup(int folder) {
  struct statfs info {};
  if (fstatfs(folder, &info) != 0) return false;
  return info.f_type == CGROUP_SUPER_MAGIC || info.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

KillResult killCgroup(const std::string& folder, const std::string& container) {
  const std::size_t slash = folder.rfind('/');
  if (folder[0] != '/' || folder.substr(slash + 1) != container) return KillResult::Refused;
  UniqueFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.valid()) return errno == ENOENT ? KillResult::Empty : KillResult::Refused;
  if (!isCgroup(opened.get())) return KillResult::Refused;
  // v2 since Linux 5.14: the kernel kills the whole tree at once, forks included.
  writeTo(opened.get(), "cgroup.kill", "1");
  return killTree(std::move(opened), 0) ? KillResult::StillPopulated : KillResult::Empty;
}

}  // namespace berth
