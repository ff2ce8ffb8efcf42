#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>

#include "failure.h"
#include "root.h"

namespace berth {

void makeFolder(const Root& root, const std::string& path, mode_t mode) {
  const Entry entry = locate(root, path);
  if (entry.name.empty()) throw systemFailure(EEXIST, "mkdirat", root.describe(path));
  if (mkdirat(entry.parent.get(), entry.name.c_str(), mode) != 0) throw systemFailure(errno, "mkdirat", root.describe(path));
}

int createFile(const Root& root, const std::string& path, mode_t mode) {
  const Entry entry = locateName(root, path);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = openat(entry.parent.get(), entry.name.c_str(), flags, mode);
  if (fd < 0) throw systemFailure(errno, "openat", root.describe(path));
  return fd;
}

/// Looks at the type through O_PATH first: opening a FIFO would wait for a writer, opening a device would act on it.
int openFile(const Root& root, const std::string& path, bool follow) {
  UniqueFd found;
  if (follow) {
    found.reset(openBelow(root.folder.get(), path.empty() ? "." : path, O_PATH));
    if (!found.valid()) throw systemFailure(errno, "openat2", root.describe(path));
  } else {
    found = openEntry(root, path);
  }
  struct stat status {};
  if (fstat(found.get(), &status) != 0) throw systemFailure(errno, "fstat", root.describe(path));
  if (S_ISDIR(status.st_mode)) throw systemFailure(EISDIR, "openat2", root.describe(path));
  if (S_ISLNK(status.st_mode)) throw systemFailure(ELOOP, "openat2", root.describe(path));
  if (!S_ISREG(status.st_mode)) throw systemFailure(ENXIO, "openat2", root.describe(path), "not a regular file");
  const int fd = open(descriptorPath(found.get()).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw systemFailure(errno, "open", root.describe(path));
  return fd;
}

void makeSymlink(const Root& root, const std::string& target, const std::string& path) {
  const Entry entry = locateName(root, path);
  if (symlinkat(target.c_str(), entry.parent.get(), entry.name.c_str()) != 0) {
    throw systemFailure(errno, "symlinkat", root.describe(path));
  }
}

void makeLink(const Root& root, const std::string& existing, const std::string& path) {
  const Entry from = locateName(root, existing);
  const Entry to = locateName(root, path);
  // Without AT_SYMLINK_FOLLOW a link to a symbolic link is made, not to what it points at.
  if (linkat(from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str(), 0) != 0) {
    throw systemFailure(errno, "linkat", root.describe(path));
  }
}

void makeNode(const Root& root, const std::string& path, mode_t mode, unsigned major, unsigned minor) {
  const Entry entry = locateName(root, path);
  if (mknodat(entry.parent.get(), entry.name.c_str(), mode, makedev(major, minor)) != 0) {
    throw systemFailure(errno, "mknodat", root.describe(path));
  }
}

std::vector<std::string> listFolder(const Root& root, const std::string& path) {
  const Entry entry = locate(root, path);
  const char* name = entry.name.empty() ? "." : entry.name.c_str();
  UniqueFd fd(openat(entry.parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) throw systemFailure(errno, "openat", root.describe(path));
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fdopendir(fd.get()), closedir);
  if (!folder) throw systemFailure(errno, "fdopendir", root.describe(path));
  fd.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* item = readdir(folder.get())) {
    const std::string text = item->d_name;
    if (text != "." && text != "..") names.push_back(text);
  }
  if (errno != 0) throw systemFailure(errno, "readdir", root.describe(path));
  return names;
}

std::string readSymlink(const Root& root, const std::string& path) {
  const Entry entry = locateName(root, path);
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(entry.parent.get(), entry.name.c_str(), target.data(), target.size());
  if (size < 0) throw systemFailure(errno, "readlinkat", root.describe(path));
  target.resize(static_cast<std::size_t>(size));
  return target;
}

}  // namespace berth
