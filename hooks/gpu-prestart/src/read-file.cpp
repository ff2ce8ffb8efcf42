#include "read-file.hpp"

#include <unistd.h>

#include "failure.hpp"

std::string read_all(int fd, std::size_t limit, const std::string& name) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("read", name);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > limit) throw Failure(name + " is larger than " + std::to_string(limit) + " bytes");
  }
}

nlohmann::json parse_json(const std::string& text, const std::string& name) {
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_object()) throw Failure(name + " is not a JSON object");
  return value;
}
