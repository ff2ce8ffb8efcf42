#include "folder-names.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace {

constexpr int kMaxDepth = 16;

/** The driver's folders in procfs tell their entries' types. */
void collect(int parent, const char* name, const std::string& prefix, int depth, std::vector<std::string>& names) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
  if (!entries) {
    close(fd);
    return;
  }
  while (const dirent* entry = readdir(entries.get())) {
    const std::string own = entry->d_name;
    if (own == "." || own == "..") continue;
    names.push_back(prefix + own);
    if (entry->d_type == DT_DIR && depth < kMaxDepth) collect(fd, entry->d_name, prefix + own + "/", depth + 1, names);
  }
}

}  // namespace

std::vector<std::string> names_below(const std::string& folder) {
  std::vector<std::string> names;
  collect(AT_FDCWD, folder.c_str(), "", 0, names);
  std::sort(names.begin(), names.end());
  return names;
}
