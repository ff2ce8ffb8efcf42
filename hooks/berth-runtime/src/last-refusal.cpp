#include "last-refusal.hpp"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <exception>

#include "failure.hpp"
#include "fd.hpp"
#include "trusted-file.hpp"

namespace {

/** A container's own words may be in it: they forge no second line and reach no terminal as commands. */
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text.substr(0, 4096);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/** "--log FILE" or "--log=FILE" before the command; empty without it. */
std::string log_file(int argc, char** argv) {
  for (int at = 1; at < argc; ++at) {
    const std::string word = argv[at];
    if (word.compare(0, 6, "--log=") == 0) return word.substr(6);
    if (word == "--log" && at + 1 < argc) return argv[at + 1];
  }
  return "";
}

}  // namespace

void leave_refusal(const std::string& state_path, const std::string& reason) noexcept {
  try {
    const std::string line = one_line(reason);
    openlog("berth-runtime", LOG_PID, LOG_DAEMON);
    syslog(LOG_ERR, "%s", line.c_str());
    closelog();
    const std::size_t slash = state_path.rfind('/');
    if (slash != std::string::npos) replace_file(state_path.substr(0, slash) + "/last-refusal", utc_now() + " " + line + "\n", 0600);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "berth-runtime: last-refusal: %s\n", error.what());
  }
}

void log_refusal(int argc, char** argv, const std::string& reason) noexcept {
  try {
    const std::string path = log_file(argc, argv);
    if (path.empty()) return;
    const nlohmann::json entry = {{"level", "error"}, {"msg", "berth-runtime: " + one_line(reason)}, {"time", utc_now()}};
    const std::string line = entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644));
    if (!file || write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) fail_errno("write", path);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "berth-runtime: log: %s\n", error.what());
  }
}
