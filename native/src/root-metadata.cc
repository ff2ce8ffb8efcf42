#include <fcntl.h>
#include <sys/xattr.h>

#include <cerrno>

#include "failure.h"
#include "root.h"

namespace berth {

static timespec toTimespec(std::int64_t nanoseconds) {
  std::int64_t seconds = nanoseconds / 1000000000;
  std::int64_t rest = nanoseconds % 1000000000;
  if (rest < 0) {
    rest += 1000000000;
    seconds -= 1;
  }
  timespec time{};
  time.tv_sec = seconds;
  time.tv_nsec = static_cast<long>(rest);
  return time;
}

/// Owner first: chown clears setuid, setgid and file capabilities. Times last: everything before changes them.
void setMetadata(const Root& root, const std::string& path, const Metadata& metadata) {
  const UniqueFd entry = openEntry(root, path);
  const std::string itself = descriptorPath(entry.get());
  struct stat status {};
  if (fstat(entry.get(), &status) != 0) throw systemFailure(errno, "fstat", root.describe(path));
  if (fchownat(entry.get(), "", metadata.uid, metadata.gid, AT_EMPTY_PATH) != 0) {
    throw systemFailure(errno, "fchownat", root.describe(path));
  }
  if (!S_ISLNK(status.st_mode) && chmod(itself.c_str(), metadata.mode) != 0) {
    throw systemFailure(errno, "chmod", root.describe(path));
  }
  for (const auto& [name, value] : metadata.xattrs) {
    if (setxattr(itself.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
      throw systemFailure(errno, "setxattr", root.describe(path), name);
    }
  }
  const timespec times[2] = {toTimespec(metadata.mtimeNs), toTimespec(metadata.mtimeNs)};
  if (utimensat(entry.get(), "", times, AT_EMPTY_PATH) != 0) throw systemFailure(errno, "utimensat", root.describe(path));
}

/// In the order of setMetadata; an open file needs no way by /proc. To look costs less than to set what is so already.
void setFileMetadata(const Root& root, const std::string& path, const UniqueFd& file, const Metadata& metadata) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw systemFailure(errno, "fstat", root.describe(path));
  const bool owned = status.st_uid == metadata.uid && status.st_gid == metadata.gid;
  if (!owned && fchown(file.get(), metadata.uid, metadata.gid) != 0) throw systemFailure(errno, "fchown", root.describe(path));
  const bool allowed = owned && (status.st_mode & 07777) == metadata.mode;
  if (!allowed && fchmod(file.get(), metadata.mode) != 0) throw systemFailure(errno, "fchmod", root.describe(path));
  for (const auto& [name, value] : metadata.xattrs) {
    if (fsetxattr(file.get(), name.c_str(), value.data(), value.size(), 0) != 0) {
      throw systemFailure(errno, "fsetxattr", root.describe(path), name);
    }
  }
  const timespec times[2] = {toTimespec(metadata.mtimeNs), toTimespec(metadata.mtimeNs)};
  if (futimens(file.get(), times) != 0) throw systemFailure(errno, "futimens", root.describe(path));
}

std::optional<struct stat> statEntry(const Root& root, const std::string& path) {
  try {
    const UniqueFd entry = openEntry(root, path);
    struct stat status {};
    if (fstat(entry.get(), &status) != 0) throw systemFailure(errno, "fstat", root.describe(path));
    return status;
  } catch (const Failure& failure) {
    if (failure.number == ENOENT || failure.number == ENOTDIR) return std::nullopt;
    throw;
  }
}

/// Calls `read(buffer, size)` until what it reports fits: another process may change the value between size and read.
template <typename Read>
static ssize_t readGrowing(std::string& buffer, Read read) {
  for (;;) {
    const ssize_t size = read(nullptr, 0);
    if (size <= 0) return size;
    buffer.resize(static_cast<std::size_t>(size));
    const ssize_t got = read(buffer.data(), buffer.size());
    if (got >= 0 || errno != ERANGE) return got;
  }
}

Xattrs readXattrs(const Root& root, const std::string& path) {
  const UniqueFd entry = openEntry(root, path);
  const std::string itself = descriptorPath(entry.get());
  std::string names;
  const ssize_t length = readGrowing(names, [&](char* at, std::size_t size) { return listxattr(itself.c_str(), at, size); });
  if (length < 0 && errno != ENOTSUP) throw systemFailure(errno, "listxattr", root.describe(path));
  Xattrs xattrs;
  for (std::size_t at = 0; length > 0 && at < static_cast<std::size_t>(length);) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    std::string value;
    const auto read = [&](char* into, std::size_t size) { return getxattr(itself.c_str(), name.c_str(), into, size); };
    const ssize_t size = readGrowing(value, read);
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0) throw systemFailure(errno, "getxattr", root.describe(path), name);
    value.resize(static_cast<std::size_t>(size));
    xattrs.emplace_back(name, value);
  }
  return xattrs;
}

}  // namespace berth
