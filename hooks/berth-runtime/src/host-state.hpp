#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "settings.hpp"

/** What `berth gpu host-state` found on this machine (src/node/gpu/host-state/host-state.ts says what is in it). */
struct HostState {
  nlohmann::json value;
  std::string changed;
};

/**
 * Reads the state; one that is missing, or that is of another driver than the one now loaded, is made anew once by the refresh
 * command. Throws Failure when it stays missing or stale: an old plan must never be followed.
 */
HostState read_host_state(const Settings& settings);
