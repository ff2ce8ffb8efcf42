#include "host-files.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "failure.hpp"
#include "syscalls.hpp"

namespace {

Fd clone(const std::string& path, struct stat& st) {
  Fd tree(sys::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW));
  if (!tree) fail_errno("open_tree", path);
  if (fstat(tree.get(), &st) != 0) fail_errno("stat", path);
  return tree;
}

struct Wanted {
  mode_t type;
  const char* name;
  uint64_t attributes;
};

Wanted wanted(MountKind kind) {
  constexpr uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  switch (kind) {
    case MountKind::socket: return {S_IFSOCK, "socket", quiet | MOUNT_ATTR_NOEXEC};
    case MountKind::folder: return {S_IFDIR, "folder", quiet | MOUNT_ATTR_NOEXEC};
    default: return {S_IFREG, "regular file", quiet | MOUNT_ATTR_RDONLY};
  }
}

Fd clone_file(const FileMount& mount) {
  struct stat st;
  Fd tree = clone(mount.host_path, st);
  const auto [type, name, attributes] = wanted(mount.kind);
  if ((st.st_mode & S_IFMT) != type) throw Failure("host file " + mount.host_path + " is not a " + name);
  if (sys::mount_setattr(tree.get(), attributes | (mount.read_only ? MOUNT_ATTR_RDONLY : 0)) != 0) fail_errno("mount_setattr", mount.host_path);
  return tree;
}

Fd clone_node(const DeviceNode& node) {
  struct stat st;
  Fd tree = clone(node.host_path, st);
  if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != node.major || minor(st.st_rdev) != node.minor)
    throw Failure("host node " + node.host_path + " is not the character device of the plan");
  if (sys::mount_setattr(tree.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) != 0) fail_errno("mount_setattr", node.host_path);
  return tree;
}

}  // namespace

HostFiles open_host_files(const Plan& plan, bool with_nodes) {
  HostFiles host;
  for (const FileMount& mount : plan.mounts) host.files.push_back(clone_file(mount));
  for (const FileMount& mount : plan.run_mounts) host.run_files.push_back(clone_file(mount));
  if (with_nodes)
    for (const DeviceNode& node : plan.nodes) host.nodes.push_back(clone_node(node));
  return host;
}
