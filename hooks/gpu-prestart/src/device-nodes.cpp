#include "device-nodes.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <memory>
#include <optional>

#include "as-owner.hpp"
#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"

namespace {

/** The runtime's tmpfs, never a folder of the image: a node made there would outlive the container. */
Fd open_dev(int root) {
  Fd dev = open_below(root, "dev", O_DIRECTORY);
  struct statfs fs;
  if (fstatfs(dev.get(), &fs) != 0) fail_errno("statfs", "/dev");
  if (fs.f_type != TMPFS_MAGIC) throw Failure("rootfs: /dev is not a tmpfs of its own");
  return dev;
}

/** A runtime may have made it already from linux.devices: fine if it is the very same device. */
bool is_already(int folder, const std::string& name, const DeviceNode& node) {
  struct stat st;
  return fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
         st.st_rdev == makedev(node.major, node.minor);
}

void make_node(const std::shared_ptr<Fd>& folder, const std::string& name, const DeviceNode& node, Undo& undo) {
  if (mknodat(folder->get(), name.c_str(), S_IFCHR | node.mode, makedev(node.major, node.minor)) != 0) {
    if (errno == EEXIST && is_already(folder->get(), name, node)) return;
    fail_errno("mknod", "/dev/" + node.name);
  }
  undo.add([folder, name] { unlinkat(folder->get(), name.c_str(), 0); });
  if (fchownat(folder->get(), name.c_str(), node.uid, node.gid, AT_SYMLINK_NOFOLLOW) != 0) fail_errno("chown", "/dev/" + node.name);
}

void bind_node(const std::shared_ptr<Fd>& folder, const std::string& name, const DeviceNode& node, const Fd& host, Undo& undo) {
  Fd file(openat(folder->get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!file) fail_errno("create", "/dev/" + node.name);
  undo.add([folder, name] { unlinkat(folder->get(), name.c_str(), 0); });
  const Fd target = open_below(folder->get(), name, 0);
  if (sys::move_mount(host.get(), target.get()) != 0) fail_errno("move_mount", "/dev/" + node.name);
  const std::string mounted = "/proc/self/fd/" + std::to_string(host.get());
  undo.add([mounted] { sys::umount2(mounted.c_str(), sys::kDetach); });
}

}  // namespace

void make_device_nodes(int root, const Plan& plan, const HostFiles& host, Undo& undo) {
  const Fd dev = open_dev(root);
  std::optional<AsOwner> as_owner;
  if (!host.nodes.empty()) as_owner.emplace(dev.get());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const DeviceNode& node = plan.nodes[i];
    const std::size_t slash = node.name.rfind('/');
    const std::string name = slash == std::string::npos ? node.name : node.name.substr(slash + 1);
    const std::string parent = slash == std::string::npos ? "." : node.name.substr(0, slash);
    auto folder = std::make_shared<Fd>(slash == std::string::npos ? open_below(dev.get(), ".", O_DIRECTORY) : make_folder(dev.get(), parent, undo));
    if (host.nodes.empty()) make_node(folder, name, node, undo);
    else bind_node(folder, name, node, host.nodes[i], undo);
  }
}
