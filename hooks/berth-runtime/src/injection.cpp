#include "injection.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "failure.hpp"
#include "words.hpp"

namespace {

using nlohmann::json;

bool is_named(const json& device, const std::string& name) {
  for (const json& known : device.at("names"))
    if (known == name) return true;
  return false;
}

/** By a name, or by the beginning of a UUID that one GPU alone has. */
json::const_iterator find_device(const json& devices, const std::string& name) {
  const auto named = std::find_if(devices.begin(), devices.end(), [&](const json& device) { return is_named(device, name); });
  if (named != devices.end() || name.compare(0, 4, "gpu-") != 0 || name.size() == 4) return named;
  const auto begins = [&](const json& device) { return device.at("names").at(1).get<std::string>().compare(0, name.size(), name) == 0; };
  const auto first = std::find_if(devices.begin(), devices.end(), begins);
  return std::count_if(devices.begin(), devices.end(), begins) == 1 ? first : devices.end();
}

[[noreturn]] void refuse_unknown(const std::string& name) {
  if (name.compare(0, 4, "mig-") != 0 && name.find(':') == std::string::npos) throw Failure("this machine has no GPU " + name);
  throw Failure("this machine has no GPU or MIG device " + name + "; `nvidia-smi -L` names them");
}

/** Positions in the state's list, which is in PCI bus order, so that CUDA's device 0 is the first. */
std::set<std::size_t> positions(const json& devices, const Request& request) {
  std::set<std::size_t> chosen;
  for (std::size_t at = 0; request.all && at < devices.size(); ++at)
    if (devices[at].at("inAll") == true && devices[at].at("problem").is_null()) chosen.insert(at);
  for (const std::string& name : request.devices) {
    const auto found = find_device(devices, name);
    if (found == devices.end()) refuse_unknown(name);
    if (!found->at("problem").is_null())
      throw Failure("GPU " + name + " is not handed out: " + found->at("problem").get<std::string>());
    chosen.insert(static_cast<std::size_t>(found - devices.begin()));
  }
  if (request.all && chosen.empty()) throw Failure("this machine has no healthy GPU");
  return chosen;
}

/** Appends what is not there yet: capabilities share files and nodes. */
void merge(json& list, const json& more) {
  for (const json& entry : more)
    if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
}

json rules_for(const json& nodes) {
  json rules = json::array();
  for (const json& node : nodes)
    merge(rules, json::array({{{"allow", true}, {"type", "c"}, {"major", node.at("major")}, {"minor", node.at("minor")}, {"access", "rw"}}}));
  return rules;
}

/** As in src/node/gpu/plan/plan-injection.ts: EGL is told the GPUs by the bits of their minor numbers. */
json application_profile(const json& devices, const std::set<std::size_t>& chosen, const Request& request) {
  if (!has(request.capabilities, "graphics") && !has(request.capabilities, "display")) return json();
  unsigned long long mask = 0;
  for (const std::size_t at : chosen) mask |= 1ULL << (devices[at].at("minor").get<unsigned>() & 63U);
  char hex[32];
  std::snprintf(hex, sizeof hex, "0x%llx", mask);
  return "{\"profiles\": [{\"name\": \"_container_\", \"settings\": [\"EGLVisibleDGPUDevices\", " + std::string(hex) +
         "]}], \"rules\": [{\"pattern\": [], \"profile\": \"_container_\"}]}\n";
}

/** Null where the driver knows no MIG: as elsewhere, what a machine does not have brings nothing. */
const json& mig_right(const json& state, const std::string& name) {
  const json& right = state.at("migRights").at(name);
  if (!right.is_null() && right.at("deviceNode").is_null())
    throw Failure("the node of the MIG right \"" + name + "\" is missing; `nvidia-modprobe -f /proc/driver/nvidia/capabilities/mig/" + name + "` makes it");
  return right;
}

/** The union of some capabilities. */
struct Parts {
  json nodes = json::array(), mounts = json::array(), links = json::array(), library_folders = json::array(), env = json::object();

  void add(const json& part) {
    merge(nodes, part.at("deviceNodes"));
    merge(mounts, part.at("mounts"));
    merge(links, part.at("symlinks"));
    merge(library_folders, part.at("libraryFolders"));
    env.update(part.at("env"));
  }

  json plan(const json& state, const json& shown) const {
    const json params = state.at("params");
    const json view = params.is_null() ? json() : json{{"params", params}, {"shown", shown}};
    return {{"version", 1}, {"driverFolder", state.at("driverFolder")}, {"deviceNodes", nodes}, {"mounts", mounts}, {"symlinks", links}, {"procDriver", view}};
  }
};

}  // namespace

Injection plan_injection(const HostState& state, const Request& request) {
  try {
    const json& devices = state.value.at("devices");
    const std::set<std::size_t> chosen = positions(devices, request);
    for (const std::size_t at : chosen) check_requirements(request.requirements, state.value, devices[at]);
    Parts parts;
    Injection injection;
    injection.key = state.changed;
    for (const std::string& capability : request.capabilities) {
      const json& part = state.value.at("capabilities").at(capability);
      if (!part.at("problem").is_null()) {
        if (request.every_capability) continue;
        throw Failure("capability " + capability + ": " + part.at("problem").get<std::string>());
      }
      parts.add(part);
      for (const std::size_t at : chosen) merge(parts.nodes, devices[at].at("deviceNodes").at(capability));
      injection.key += "-" + capability;
    }
    json shown = json::array();
    for (const std::size_t at : chosen) {
      merge(shown, devices[at].at("procShown"));
      injection.visible += (injection.visible.empty() ? "" : ",") + devices[at].at("uuid").get<std::string>();
      injection.key += "-" + std::to_string(at);
    }
    for (const std::string& name : request.mig_rights) {
      const json& right = mig_right(state.value, name);
      if (right.is_null()) continue;
      merge(parts.nodes, json::array({right.at("deviceNode")}));
      merge(shown, json::array({right.at("procShown")}));
      injection.key += "-mig-" + name;
    }
    injection.plan = parts.plan(state.value, shown);
    const json profile = application_profile(devices, chosen, request);
    if (!profile.is_null()) injection.plan["applicationProfile"] = profile;
    injection.rules = rules_for(parts.nodes);
    injection.env = parts.env;
    injection.library_folders = parts.library_folders;
    return injection;
  } catch (const json::exception& error) {
    throw Failure(std::string("host state: ") + error.what());
  }
}
