#include "lease-file.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "../src/unique-fd.h"

namespace berth {

static constexpr std::size_t kMaxBytes = 64 * 1024;

static bool isLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool isLeaseName(const std::string& name) {
  if (name.empty() || name.size() > 63 || !isLowerOrDigit(name[0])) return false;
  for (const char c : name) {
    if (!isLowerOrDigit(c) && c != '-') return false;
  }
  return true;
}

static std::optional<std::int64_t> parseDeadline(const std::string& line) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size() || value < 0) return std::nullopt;
  return value;
}

LeaseFile parseLease(const std::string& text) {
  LeaseFile lease;
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (first) {
      lease.deadlineMs = parseDeadline(line);
    } else if (!line.empty()) {
      lease.cgroups.push_back(line);
    }
    first = false;
  }
  return lease;
}

std::optional<LeaseFile> readLease(int folder, const std::string& name) {
  const UniqueFd file(openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return std::nullopt;
  std::string text(kMaxBytes, '\0');
  std::size_t size = 0;
  for (ssize_t got; size < text.size() && (got = read(file.get(), text.data() + size, text.size() - size)) > 0;) {
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return parseLease(text);
}

static std::string markerOf(const std::string& name) { return name + ".expired"; }

bool markExpired(int folder, const std::string& name) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  return UniqueFd(openat(folder, markerOf(name).c_str(), flags, 0600)).valid();
}

bool isMarkedExpired(int folder, const std::string& name) { return faccessat(folder, markerOf(name).c_str(), F_OK, 0) == 0; }

}  // namespace berth
