#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

struct DeviceNode {
  std::string name;       // below /dev: "nvidia0"
  std::string host_path;  // "/dev/nvidia0"
  unsigned major, minor;
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

struct FileMount {
  std::string host_path;
  std::string path;  // below the driver folder: "lib64/libcuda.so.550.163.01"
};

struct Symlink {
  std::string target;
  std::string path;  // below the driver folder
};

/** `InjectionPlan` of src/node/gpu/types.ts, checked: nothing in it can point outside /dev and the driver folder. */
struct Plan {
  std::string driver_folder;  // relative to the rootfs: "usr/local/nvidia"
  std::vector<DeviceNode> nodes;
  std::vector<FileMount> mounts;
  std::vector<Symlink> symlinks;
  std::string proc_params;  // empty: leave /proc/driver/nvidia/params alone
};

/** What the hook needs of the OCI state and the bundle's config.json. */
struct Container {
  pid_t pid;
  std::string rootfs;  // absolute
  bool user_namespace;
};

/** Throws Failure when the file is not root's own, is writable by others, or is no plan of version 1. */
Plan read_plan(const std::string& path);

/** Reads the OCI state from `state_fd` (OCI runtime spec, "State") and <bundle>/config.json. Throws Failure. */
Container read_container(int state_fd);
