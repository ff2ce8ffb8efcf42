// OCI runtime wrapper for Docker, containerd and CRI-O, and podman's precreate hook: see ../README.md.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <climits>
#include <cstdlib>

#include "command-line.hpp"
#include "edit-spec.hpp"
#include "failure.hpp"
#include "fd.hpp"
#include "last-refusal.hpp"
#include "read-file.hpp"
#include "settings.hpp"
#include "trusted-file.hpp"

namespace {

using nlohmann::json;

constexpr char kDefaultSettings[] = "/etc/berth/runtime.json";
constexpr std::size_t kMaxSpecBytes = 16 << 20;

std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) fail_errno("realpath", path);
  return resolved;
}

std::string read_file(const std::string& path, mode_t& mode) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (!file || fstat(file.get(), &st) != 0) fail_errno("open", path);
  mode = st.st_mode & 0777;
  return read_all(file.get(), kMaxSpecBytes, path);
}

/** config.json of a bundle, in place. */
void edit_bundle(const Settings& settings, const std::string& bundle) {
  const std::string path = bundle + "/config.json", plan_path = bundle + "/injection-plan.json";
  mode_t mode;
  json spec = parse_json(read_file(path, mode), path);
  const Request request = read_request(spec);
  if (!request.wanted) return;
  const Injection injection = plan_injection(read_host_state(settings), request);
  replace_file(plan_path, injection.plan.dump(), 0600);
  edit_spec(spec, injection, settings.hook, plan_path);
  replace_file(path, spec.dump(), mode);
}

/** podman hands the spec in and takes it back before it writes the bundle, so plans lie in a folder of their own, by what they grant. */
void filter_spec(const Settings& settings) {
  const std::string text = read_all(STDIN_FILENO, kMaxSpecBytes, "OCI spec");
  json spec = parse_json(text, "OCI spec");
  const Request request = read_request(spec);
  if (request.wanted) {
    const Injection injection = plan_injection(read_host_state(settings), request);
    const std::string plan_path = settings.plans + "/" + injection.key + ".json";
    if (mkdir(settings.plans.c_str(), 0700) != 0 && errno != EEXIST) fail_errno("mkdir", settings.plans);
    replace_file(plan_path, injection.plan.dump(), 0600);
    edit_spec(spec, injection, settings.hook, plan_path);
  }
  const std::string edited = request.wanted ? spec.dump() : text;
  if (std::fwrite(edited.data(), 1, edited.size(), stdout) != edited.size() || std::fflush(stdout) != 0) fail_errno("write", "stdout");
}

/** Engines throw stderr away, so the reason of a refusal goes where each of them, or its people, will look. */
template <typename Act>
void or_explain(const Settings& settings, int argc, char** argv, Act act) {
  try {
    act();
  } catch (const std::exception& error) {
    leave_refusal(settings.state, error.what());
    log_refusal(argc, argv, error.what());
    throw;
  }
}

/** Every argument but ours goes on to the runtime. */
void become_runtime(const Settings& settings, char** argv) {
  argv[0] = const_cast<char*>(settings.runtime.c_str());
  execv(settings.runtime.c_str(), argv);
  fail_errno("exec", settings.runtime);
}

void run(int argc, char** argv) {
  std::string settings_path = kDefaultSettings;
  if (argc > 2 && std::string(argv[1]) == "--berth-settings") {
    settings_path = argv[2];
    argv[2] = argv[0];
    argv += 2;
    argc -= 2;
  }
  const Settings settings = read_settings(settings_path);
  if (argc == 2 && std::string(argv[1]) == "--precreate") return or_explain(settings, argc, argv, [&] { filter_spec(settings); });
  if (const auto bundle = bundle_to_edit(argc, argv))
    or_explain(settings, argc, argv, [&] { edit_bundle(settings, absolute(*bundle)); });
  become_runtime(settings, argv);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "berth-runtime: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
