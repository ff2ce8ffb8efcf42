#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "requirements.hpp"

/** Which GPUs and which parts of the driver a container asks for. */
struct Request {
  bool wanted = false;  // false: not a GPU container, leave it alone
  bool all = false;
  std::vector<std::string> devices;  // lower case: index, UUID, PCI bus id, "mig-...", "0:1"; empty: the driver without a GPU
  std::vector<std::string> capabilities;
  bool every_capability = false;  // "all": what this driver lacks is left out
  std::vector<std::string> mig_rights;  // "config", "monitor": over every GPU of the machine
  std::vector<Requirement> requirements;
};

/**
 * Reads the annotation `berth.gpus`, else NVIDIA_VISIBLE_DEVICES, with NVIDIA's meaning: absent, empty or void leaves the
 * container alone, none gives the driver alone, all gives every GPU; and NVIDIA_DRIVER_CAPABILITIES. Throws Failure for a
 * capability that does not exist, a malformed requirement, or MIG rights asked for without privilege or for some GPUs.
 */
Request read_request(const nlohmann::json& spec);

/** The value of a variable in the spec's process.env: the last one, as libc's getenv in the container would not, but runtimes do. */
std::string spec_env(const nlohmann::json& spec, const std::string& name, const std::string& absent = "");
