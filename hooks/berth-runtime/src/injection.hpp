#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "host-state.hpp"
#include "request.hpp"

/** What one container gets: the hook's plan, the device rules and the environment of the OCI spec. */
struct Injection {
  nlohmann::json plan;   // InjectionPlan of src/node/gpu/types.ts
  nlohmann::json rules;  // entries of linux.resources.devices
  nlohmann::json env;    // variables by name
  nlohmann::json library_folders;
  std::string visible;  // UUIDs for NVIDIA_VISIBLE_DEVICES
  std::string key;       // the same for the same plan of the same host state: a file name
};

/** Throws Failure for a GPU that is not there or that must not be handed out. */
Injection plan_injection(const HostState& state, const Request& request);
