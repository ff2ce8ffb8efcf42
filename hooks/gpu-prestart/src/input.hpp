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

/** A file is bound read-only; a socket, and a folder of pipes (MPS), must stay writable; a folder of data (udev's) need not. */
enum class MountKind { file, socket, folder };

struct FileMount {
  std::string host_path;
  std::string path;  // below the driver folder: "lib64/libcuda.so.550.163.01"; in Plan::run_mounts below the rootfs
  MountKind kind;
  bool read_only = false;  // of a socket or folder; a file always is
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
  std::vector<FileMount> run_mounts;  // below /run: programs look for a daemon's socket there and nowhere else
  std::vector<Symlink> symlinks;
  std::string proc_params;             // empty: leave /proc/driver/nvidia alone
  std::vector<std::string> proc_shown;  // below /proc/driver/nvidia: "gpus/0000:10:00.0"
  std::string application_profile;     // text of a driver application profile; empty: none
};

/** What the hook needs of the OCI state and the bundle's config.json. */
struct Container {
  pid_t pid;
  std::string rootfs;  // absolute
  bool user_namespace;
};

/** Throws Failure when the file is not root's own, is writable by others, or is no plan of version 1. */
Plan read_plan(const std::string& path);

/** The same for its text; `name` is for the error. */
Plan parse_plan(const std::string& text, const std::string& name);

/** Reads the OCI state from `state_fd` (OCI runtime spec, "State") and <bundle>/config.json. Throws Failure. */
Container read_container(int state_fd);
