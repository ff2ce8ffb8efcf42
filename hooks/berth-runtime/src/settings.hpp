#pragma once
#include <string>
#include <vector>

/** /etc/berth/runtime.json, written by hooks/install.sh. */
struct Settings {
  std::string runtime;               // the OCI runtime to become: "/usr/sbin/runc"
  std::string hook;                  // gpu-prestart
  std::string state;                 // what `berth gpu host-state` writes
  std::string plans;                 // folder for plans where no bundle is known (podman's precreate)
  std::vector<std::string> refresh;  // command that writes the state anew; may be empty
};

/** Throws Failure when the file is missing, incomplete, or could have been written by others than root. */
Settings read_settings(const std::string& path);
