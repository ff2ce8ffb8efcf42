#include "trusted-file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "failure.hpp"
#include "fd.hpp"
#include "read-file.hpp"

namespace {

constexpr std::size_t kMaxBytes = 16 << 20;

void write_all(int fd, const std::string& text, const std::string& path) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t wrote = write(fd, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail_errno("write", path);
    at += static_cast<std::size_t>(wrote);
  }
}

}  // namespace

TrustedFile read_trusted_json(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (!file || fstat(file.get(), &st) != 0) fail_errno("open", path);
  if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022) != 0)
    throw Failure(path + " is not a regular file that only its owner can write");
  const std::string changed = std::to_string(st.st_mtim.tv_sec) + std::to_string(1000000000L + st.st_mtim.tv_nsec).substr(1);
  return {parse_json(read_all(file.get(), kMaxBytes, path), path), changed};
}

void replace_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string temporary = path + ".berth-" + std::to_string(getpid());
  Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) fail_errno("create", temporary);
  try {
    write_all(file.get(), text, temporary);
    if (fchmod(file.get(), mode) != 0) fail_errno("chmod", temporary);
    if (rename(temporary.c_str(), path.c_str()) != 0) fail_errno("rename", path);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}
