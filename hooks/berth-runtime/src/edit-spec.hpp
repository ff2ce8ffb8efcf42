#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "injection.hpp"

/**
 * Adds device rules, environment and the hook to an OCI runtime spec. The rules are in the spec and not in the hook: systemd and the
 * runtime write the cgroup's device filter anew from the spec (`systemctl daemon-reload`, `runc update`), and would take away
 * what only a hook had written.
 */
void edit_spec(nlohmann::json& spec, const Injection& injection, const std::string& hook, const std::string& plan_path);
