#include "rootfs.hpp"

#include <sched.h>
#include <sys/stat.h>

#include <memory>

#include "as-owner.hpp"
#include "failure.hpp"
#include "syscalls.hpp"

namespace {

constexpr uint64_t kStrict = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

bool same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

struct stat stat_of(int fd, const std::string& name) {
  struct stat st;
  if (fstat(fd, &st) != 0) fail_errno("stat", name);
  return st;
}

Fd open_folder(const std::string& path) {
  Fd folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) fail_errno("open", path);
  return folder;
}

void enter_mount_namespace(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/mnt";
  Fd theirs(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!theirs) fail_errno("open", path);
  Fd ours(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!ours) fail_errno("open", "/proc/self/ns/mnt");
  // Mounting on the host itself is the one mistake that must be impossible.
  if (same(stat_of(theirs.get(), path), stat_of(ours.get(), path))) throw Failure("container shares the host's mount namespace");
  if (setns(theirs.get(), CLONE_NEWNS) != 0) fail_errno("setns", path);
}

/** `shown` is the path for the error, where `path` is only its last part. */
Fd open_named(int folder, const std::string& path, int flags, const std::string& shown) {
  // No O_NOFOLLOW: with O_PATH it would open a link itself instead of failing.
  Fd fd(sys::openat2(folder, path.c_str(), static_cast<uint64_t>(flags | O_PATH), kStrict));
  if (!fd && errno == ELOOP) throw Failure("rootfs: /" + shown + " leads through a symbolic link; refused");
  if (!fd) fail_errno("open", "/" + shown);
  return fd;
}

}  // namespace

Fd enter_rootfs(const Container& container) {
  const Fd before = open_folder(container.rootfs);
  enter_mount_namespace(container.pid);
  Fd root = open_folder(container.rootfs);
  const Fd slash = open_folder("/");
  const struct stat st = stat_of(root.get(), container.rootfs);
  if (!same(st, stat_of(before.get(), container.rootfs))) throw Failure("rootfs " + container.rootfs + " is another folder in the container's namespace");
  if (same(st, stat_of(slash.get(), "/"))) throw Failure("rootfs " + container.rootfs + " is the root of the namespace");
  return root;
}

Fd open_below(int folder, const std::string& path, int flags) { return open_named(folder, path, flags, path); }

Fd make_folder(int folder, const std::string& path, Undo& undo) {
  auto at = std::make_shared<Fd>(open_below(folder, ".", O_DIRECTORY));
  const std::string rest = path + "/";
  for (std::size_t start = 0, end; (end = rest.find('/', start)) != std::string::npos; start = end + 1) {
    const std::string part = rest.substr(start, end - start);
    if (make_in(at->get(), [&] { return mkdirat(at->get(), part.c_str(), 0755); }) == 0)
      undo.add([at, part] { unlinkat(at->get(), part.c_str(), AT_REMOVEDIR); });
    else if (errno != EEXIST)
      fail_errno("mkdir", "/" + path);
    at = std::make_shared<Fd>(open_named(at->get(), part, O_DIRECTORY, path));
  }
  return open_below(at->get(), ".", O_DIRECTORY);
}
