#pragma once
#include <vector>

#include "fd.hpp"
#include "input.hpp"

/** Detached mounts of the host's files, taken while the host's mount namespace is still ours. */
struct HostFiles {
  std::vector<Fd> files;      // one for each Plan::mounts
  std::vector<Fd> run_files;  // one for each Plan::run_mounts
  std::vector<Fd> nodes;  // one for each Plan::nodes where the container has a user namespace, else empty
};

/** Throws Failure when a file is missing, is not a regular file, or a node is not the device the plan says. */
HostFiles open_host_files(const Plan& plan, bool with_nodes);
