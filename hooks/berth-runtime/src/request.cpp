#include "request.hpp"

#include <algorithm>
#include <utility>

#include "failure.hpp"
#include "words.hpp"

namespace {

using nlohmann::json;

/** options.h of libnvidia-container. */
const std::vector<std::string> kCapabilities = {"utility", "compute", "video", "graphics", "display", "ngx", "compat32"};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::string word = trimmed(list.substr(at, end - at));
    if (!word.empty()) found.push_back(word);
    at = end + 1;
  }
  return found;
}

/** "nvidia.com/gpu=0", as in CDI, is "0". */
std::string plain_name(const std::string& word) {
  const std::string kind = "nvidia.com/gpu=";
  return lower(word.compare(0, kind.size(), kind) == 0 ? word.substr(kind.size()) : word);
}

std::vector<std::string> capabilities_of(const std::vector<std::string>& asked) {
  if (asked.empty()) return {"utility", "compute"};
  for (const std::string& word : asked)
    if (!has(kCapabilities, word)) throw Failure("NVIDIA_DRIVER_CAPABILITIES: unknown capability " + word);
  return asked;
}

bool is_privileged(const json& spec) {
  const json::json_pointer bounding("/process/capabilities/bounding");
  const json set = spec.contains(bounding) ? spec.at(bounding) : json::array();
  return std::find(set.begin(), set.end(), "CAP_SYS_ADMIN") != set.end();
}

/** They are about every GPU of the machine, so a container that could not administrate it may not ask for them. */
std::vector<std::string> mig_rights_of(const json& spec) {
  const std::pair<const char*, const char*> rights[] = {{"config", "NVIDIA_MIG_CONFIG_DEVICES"}, {"monitor", "NVIDIA_MIG_MONITOR_DEVICES"}};
  std::vector<std::string> found;
  for (const auto& [right, name] : rights) {
    const std::vector<std::string> asked = words(spec_env(spec, name));
    if (asked.empty()) continue;
    if (!is_privileged(spec)) throw Failure(std::string(name) + " needs a privileged container");
    for (const std::string& word : asked)
      if (lower(word) != "all") throw Failure(std::string(name) + ": only \"all\" can be given, not " + word);
    found.push_back(right);
  }
  return found;
}

/** In place of a start that looks right and lacks what was asked: engines do not show a runtime's warnings. */
void refuse_extras(const json& spec) {
  const std::pair<const char*, const char*> extras[] = {
      {"NVIDIA_GDS", "--device /dev/nvidia-fs0 (and its like) -v /run/udev:/run/udev:ro -v /etc/cufile.json:/etc/cufile.json:ro"},
      {"NVIDIA_MOFED", "--device /dev/infiniband/rdma_cm --device /dev/infiniband/uverbs0 (and its like)"},
      {"NVIDIA_GDRCOPY", "--device /dev/gdrdrv"},
      {"NVIDIA_NVSWITCH", "--device /dev/nvidia-nvswitchctl --device /dev/nvidia-nvswitch0 (and its like)"}};
  for (const auto& [name, instead] : extras)
    if (spec_env(spec, name) == "enabled")
      throw Failure(std::string(name) + "=enabled is given to jobs of Berth only; unset it and use " + instead);
  for (const std::string& channel : words(spec_env(spec, "NVIDIA_IMEX_CHANNELS")))
    if (channel != "all")
      throw Failure("NVIDIA_IMEX_CHANNELS is given to jobs of Berth only; unset it and use --device /dev/nvidia-caps-imex-channels/channel" + channel);
}

}  // namespace

std::string spec_env(const json& spec, const std::string& name, const std::string& absent) {
  std::string value = absent;
  if (!spec.contains("process")) return value;
  for (const json& entry : spec["process"].value("env", json::array())) {
    const std::string text = entry.get<std::string>();
    if (text.compare(0, name.size() + 1, name + "=") == 0) value = text.substr(name.size() + 1);
  }
  return value;
}

Request read_request(const json& spec) {
  const std::string annotation = spec.value("annotations", json::object()).value("berth.gpus", "");
  const std::vector<std::string> asked = words(annotation.empty() ? spec_env(spec, "NVIDIA_VISIBLE_DEVICES") : annotation);
  std::vector<std::string> names;
  for (const std::string& word : asked) names.push_back(plain_name(word));
  Request request;
  if (names.empty() || has(names, "void")) return request;
  request.wanted = true;
  request.all = has(names, "all");
  for (const std::string& name : names)
    if (name != "none" && name != "all") request.devices.push_back(name);
  const std::vector<std::string> capabilities = words(spec_env(spec, "NVIDIA_DRIVER_CAPABILITIES"));
  request.every_capability = has(capabilities, "all") || (capabilities.empty() && is_legacy_image(spec));
  request.capabilities = request.every_capability ? kCapabilities : capabilities_of(capabilities);
  request.requirements = read_requirements(spec);
  request.mig_rights = mig_rights_of(spec);
  refuse_extras(spec);
  return request;
}
