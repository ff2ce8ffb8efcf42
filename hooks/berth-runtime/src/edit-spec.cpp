#include "edit-spec.hpp"

#include "request.hpp"

namespace {

using nlohmann::json;

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kHookSeconds = 30;

/** A list of the spec that may be absent or null. */
json list_at(const json& spec, const char* part, const char* name) {
  const json::json_pointer path(std::string("/") + part + "/" + name);
  return spec.contains(path) && spec.at(path).is_array() ? spec.at(path) : json::array();
}

/** Replaces every earlier value: with two, which one counts depends on the reader. */
void set_env(json& spec, const std::string& name, const std::string& value) {
  json kept = json::array();
  for (const json& entry : list_at(spec, "process", "env"))
    if (entry.get<std::string>().compare(0, name.size() + 1, name + "=") != 0) kept.push_back(entry);
  kept.push_back(name + "=" + value);
  spec["process"]["env"] = kept;
}

std::string with_folder(const std::string& list, const std::string& folder) {
  if ((":" + list + ":").find(":" + folder + ":") != std::string::npos) return list;
  return list.empty() ? folder : list + ":" + folder;
}

void add_hook(json& spec, const std::string& hook, const std::string& plan_path) {
  json kept = json::array();
  for (const json& entry : list_at(spec, "hooks", "createRuntime"))
    if (entry.value("path", "") != hook) kept.push_back(entry);  // the same bundle may be created twice
  const json entry = {{"path", hook}, {"args", {"gpu-prestart", "--plan", plan_path}}, {"env", json::array()}, {"timeout", kHookSeconds}};
  kept.push_back(entry);
  spec["hooks"]["createRuntime"] = kept;
}

}  // namespace

void edit_spec(json& spec, const Injection& injection, const std::string& hook, const std::string& plan_path) {
  const std::string folder = injection.plan.at("driverFolder").get<std::string>();
  json& rules = spec["linux"]["resources"]["devices"];
  for (const json& rule : injection.rules) rules.push_back(rule);
  set_env(spec, "NVIDIA_VISIBLE_DEVICES", injection.visible.empty() ? "none" : injection.visible);
  set_env(spec, "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  set_env(spec, "PATH", with_folder(spec_env(spec, "PATH", kDefaultPath), folder + "/bin"));
  std::string libraries = spec_env(spec, "LD_LIBRARY_PATH");
  for (const json& more : injection.library_folders) libraries = with_folder(libraries, more.get<std::string>());
  set_env(spec, "LD_LIBRARY_PATH", libraries);
  for (const auto& [name, value] : injection.env.items()) set_env(spec, name, value.get<std::string>());
  add_hook(spec, hook, plan_path);
}
