#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>

#include "failure.h"
#include "root.h"

namespace berth {

/// A rename anywhere on the machine while ".." is walked makes the kernel answer EAGAIN; an attacker can provoke it,
/// so the patience ends.
static constexpr int kAttempts = 1000;

std::string Root::describe(const std::string& entry) const {
  return path + (entry.empty() || entry[0] != '/' ? "/" : "") + entry;
}

std::string descriptorPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Root openRootFolder(const std::string& path) {
  Root root{UniqueFd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), path};
  if (!root.folder.valid()) throw systemFailure(errno, "open", path);
  return root;
}

int openBelow(int folder, const std::string& path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  long fd = -1;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return static_cast<int>(fd);
}

Entry locate(const Root& root, const std::string& path) {
  std::string rest = path;
  std::string name;
  // "a/b/", "a/b/." and "a/b" name the same entry.
  while (!rest.empty() && (name.empty() || name == ".")) {
    const std::size_t slash = rest.rfind('/');
    name = slash == std::string::npos ? rest : rest.substr(slash + 1);
    rest = slash == std::string::npos ? "" : rest.substr(0, slash);
  }
  if (name == ".") name.clear();
  if (name == "..") throw systemFailure(EINVAL, "openat2", root.describe(path));
  Entry entry{UniqueFd(openBelow(root.folder.get(), rest.empty() ? "." : rest, O_PATH | O_DIRECTORY)), name};
  if (!entry.parent.valid()) throw systemFailure(errno, "openat2", root.describe(path));
  return entry;
}

Entry locateName(const Root& root, const std::string& path) {
  Entry entry = locate(root, path);
  if (entry.name.empty()) throw systemFailure(EINVAL, "openat2", root.describe(path));
  return entry;
}

UniqueFd openEntry(const Root& root, const std::string& path) {
  Entry entry = locate(root, path);
  if (entry.name.empty()) return std::move(entry.parent);
  UniqueFd fd(openat(entry.parent.get(), entry.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) throw systemFailure(errno, "openat", root.describe(path));
  return fd;
}

}  // namespace berth
