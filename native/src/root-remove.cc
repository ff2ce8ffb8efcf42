#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "failure.h"
#include "root.h"

namespace berth {
namespace {

/// One descriptor is held for each level on the way down; what lies deeper is first moved up.
constexpr int kMaxDepth = 100;
/// A writer racing with the removal may add entries; it gets this many rounds before the removal gives up.
constexpr int kRounds = 100;

std::vector<std::string> namesIn(UniqueFd folder, const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(folder.valid() ? fdopendir(folder.get()) : nullptr, closedir);
  if (!stream) throw systemFailure(errno, "fdopendir", path);
  folder.release();
  std::vector<std::string> names;
  while (const dirent* item = readdir(stream.get())) {
    const std::string text = item->d_name;
    if (text != "." && text != "..") names.push_back(text);
  }
  return names;
}

class Remover {
 public:
  Remover(int top, std::string path) : top_(top), path_(std::move(path)) {}

  /// Removes `name` of `folder`, whatever it is. Missing is fine.
  void remove(int folder, const std::string& name, int depth) {
    unsigned long movedBefore = moved_;
    for (int round = 0; round < kRounds; round++) {
      if (moved_ != std::exchange(movedBefore, moved_)) round = 0;
      if (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return;
      // Of a folder Linux says EISDIR; file systems that follow POSIX say EPERM.
      if (errno != EISDIR && errno != EPERM) throw systemFailure(errno, "unlinkat", path_);
      const int unlinkError = errno;
      if (unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
      if (errno == ENOTDIR) {
        // A racer put a file here meanwhile, or the file may not be removed (chattr +i).
        if (unlinkError == EPERM) throw systemFailure(EPERM, "unlinkat", path_);
        continue;
      }
      if (errno != ENOTEMPTY && errno != EEXIST) throw systemFailure(errno, "unlinkat", path_);
      empty(folder, name, depth);
    }
    throw systemFailure(ENOTEMPTY, "unlinkat", path_, "somebody keeps writing there");
  }

 private:
  void empty(int parent, const std::string& name, int depth) {
    // RESOLVE_NO_XDEV: a file system still mounted below (a volume!) is not ours to empty.
    const UniqueFd folder(openBelow(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_XDEV));
    if (!folder.valid()) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return;
      if (errno == EXDEV) throw systemFailure(EBUSY, "openat2", path_, "a file system is mounted on " + name);
      throw systemFailure(errno, "openat2", path_);
    }
    for (const auto& child : namesIn(UniqueFd(fcntl(folder.get(), F_DUPFD_CLOEXEC, 0)), path_)) {
      if (depth >= kMaxDepth && moveUp(folder.get(), child)) continue;
      remove(folder.get(), child, depth + 1);
    }
  }

  /// Only folders: files are removed where they lie. The caller of the top folder finds it in its next round.
  bool moveUp(int folder, const std::string& child) {
    struct stat status {};
    if (fstatat(folder, child.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) return false;
    do {
      // A hostile tree may hold such names already: the next number is free one day.
      const std::string name = ".berth-removing-" + std::to_string(moved_++);
      if (renameat(folder, child.c_str(), top_, name.c_str()) == 0) return true;
    } while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
    throw systemFailure(errno, "renameat", path_, "too deep to remove in place");
  }

  int top_;
  std::string path_;
  unsigned long moved_ = 0;
};

}  // namespace

void removeTree(const Root& root, const std::string& path) {
  Entry entry;
  try {
    entry = locateName(root, path);
  } catch (const Failure& failure) {
    if (failure.number == ENOENT || failure.number == ENOTDIR) return;
    throw;
  }
  // Deep parts move to the top of the tree being removed, so an interrupted removal leaves nothing elsewhere.
  const UniqueFd top(openBelow(entry.parent.get(), entry.name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  Remover(top.get(), root.describe(path)).remove(entry.parent.get(), entry.name, 0);
}

}  // namespace berth
