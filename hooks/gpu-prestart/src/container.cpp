#include <cstdint>
#include <cstdio>

#include "failure.hpp"
#include "fd.hpp"
#include "input.hpp"
#include "read-file.hpp"
#include "syscalls.hpp"

namespace {

using nlohmann::json;

constexpr std::size_t kMaxStateBytes = 1 << 20;
constexpr std::size_t kMaxConfigBytes = 16 << 20;

json read_config(const std::string& bundle) {
  const std::string path = bundle + "/config.json";
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) fail_errno("open", path);
  return parse_json(read_all(file.get(), kMaxConfigBytes, path), path);
}

bool has_namespace(const json& linux_part, const std::string& type) {
  for (const json& entry : linux_part.value("namespaces", json::array()))
    if (entry.value("type", "") == type) return true;
  return false;
}

/** True in a user namespace other than the host's own, as under rootless podman: mknod is forbidden there too. */
bool in_user_namespace() {
  Fd file(open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC));
  if (!file) fail_errno("open", "/proc/self/uid_map");
  unsigned inside = 0, outside = 0, count = 0;
  const std::string map = read_all(file.get(), 65536, "/proc/self/uid_map");
  return std::sscanf(map.c_str(), "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != 0 || count != UINT32_MAX;
}

Container container_of(const json& state, const json& config, const std::string& bundle) {
  const json linux_part = config.value("linux", json::object());
  if (!has_namespace(linux_part, "mount")) throw Failure("container has no mount namespace of its own");
  const std::string propagation = linux_part.value("rootfsPropagation", "");
  if (propagation == "shared" || propagation == "rshared")
    throw Failure("rootfsPropagation " + propagation + " would spread the mounts to the host");
  const std::string root = config.at("root").at("path").get<std::string>();
  const std::string rootfs = !root.empty() && root[0] == '/' ? root : bundle + "/" + root;
  return {state.at("pid").get<pid_t>(), rootfs, has_namespace(linux_part, "user") || in_user_namespace()};
}

}  // namespace

Container read_container(int state_fd) {
  const json state = parse_json(read_all(state_fd, kMaxStateBytes, "OCI state"), "OCI state");
  try {
    const std::string bundle = state.at("bundle").get<std::string>();
    if (bundle.empty() || bundle[0] != '/') throw Failure("OCI state: bundle " + bundle + " is not absolute");
    Container container = container_of(state, read_config(bundle), bundle);
    // 0 and 1: a createContainer hook, where the host's files are already out of reach.
    if (container.pid <= 1) throw Failure("OCI state: no host pid; run this hook as prestart or createRuntime");
    return container;
  } catch (const json::exception& error) {
    throw Failure(std::string("OCI state or config.json: ") + error.what());
  }
}
