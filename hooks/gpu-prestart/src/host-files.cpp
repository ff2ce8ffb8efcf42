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

Fd clone_file(const std::string& path) {
  struct stat st;
  Fd tree = clone(path, st);
  if (!S_ISREG(st.st_mode)) throw Failure("host file " + path + " is not a regular file");
  if (sys::mount_setattr(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) != 0) fail_errno("mount_setattr", path);
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
  for (const FileMount& mount : plan.mounts) host.files.push_back(clone_file(mount.host_path));
  if (with_nodes)
    for (const DeviceNode& node : plan.nodes) host.nodes.push_back(clone_node(node));
  return host;
}
