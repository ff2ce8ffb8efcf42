#include "host-state.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "failure.hpp"
#include "fd.hpp"
#include "folder-names.hpp"
#include "read-file.hpp"
#include "trusted-file.hpp"

namespace {

using nlohmann::json;

/** The driver's own words on its version, as when the state was made; empty without a driver. */
std::string text_of(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file ? read_all(file.get(), 65536, path) : "";
}

/** Why the state cannot be used; empty when it can. */
std::string problem_with(const json& state, const std::string& path) {
  if (state.value("version", 0) != 1) return path + " is not a host state of version 1";
  const json& driver = state.at("driver");
  if (text_of(driver.at("file").get<std::string>()) != driver.at("text").get<std::string>())
    return path + " is of another driver than the one that is loaded";
  for (const json& folder : state.at("folders")) {
    const std::string name = folder.at("path").get<std::string>();
    if (names_below(name) != folder.at("names").get<std::vector<std::string>>()) return path + " is of other GPUs or partitions than now below " + name;
  }
  for (const json& part : state.at("capabilities"))
    for (const json& mount : part.at("mounts"))
      if (const std::string file = mount.at("hostPath").get<std::string>(); access(file.c_str(), F_OK) != 0) return file + " is gone";
  return "";
}

bool run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  // Its output must not get between a runtime and the caller, who reads our stdout.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child;
  const int error = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  return error == 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

HostState read_host_state(const Settings& settings) {
  for (int attempt = 0;; ++attempt) {
    std::string problem;
    try {
      TrustedFile file = read_trusted_json(settings.state);
      problem = problem_with(file.value, settings.state);
      if (problem.empty()) return {std::move(file.value), file.changed};
    } catch (const json::exception& error) {
      problem = settings.state + ": " + error.what();
    } catch (const Failure& failure) {
      problem = failure.what();
    }
    if (attempt > 0 || settings.refresh.empty() || !run(settings.refresh))
      throw Failure(problem + "; `berth gpu host-state` makes it anew");
  }
}
