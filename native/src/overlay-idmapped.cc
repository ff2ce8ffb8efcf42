#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <thread>

#include "failure.h"
#include "overlay.h"

// <sys/mount.h> and <linux/mount.h> cannot be included together on every glibc.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;

namespace berth {
namespace {

/// MS_REC | MS_PRIVATE of <sys/mount.h>.
constexpr unsigned long kPrivateBelow = 1UL << 14 | 1UL << 18;

UniqueFd cloneMount(const std::string& path) {
  UniqueFd clone(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!clone.valid()) throw systemFailure(errno, "open_tree", path);
  return clone;
}

void moveMount(const UniqueFd& mounted, const std::string& target) {
  if (syscall(SYS_move_mount, mounted.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    throw systemFailure(errno, "move_mount", target);
  }
}

/// A clone of the mount at `path` with its owners mapped, attached at `place`: overlayfs before Linux 6.15 takes no layer
/// from a mount that is attached nowhere.
UniqueFd mappedClone(const std::string& path, const std::string& place, const MappedOwners& owners) {
  UniqueFd clone = cloneMount(path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(owners.userNamespace);
  if (syscall(SYS_mount_setattr, clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    throw systemFailure(errno, "mount_setattr", path);
  }
  moveMount(clone, place);
  return clone;
}

std::string parentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string nameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Upper and work must be in one mount: that of the folder that both lie in.
OverlayLayers mappedLayers(const OverlayFolders& folders, const std::string& place, const MappedOwners& owners) {
  OverlayLayers layers;
  for (const auto& path : folders.lower) layers.lower.push_back(mappedClone(path, place, owners));
  if (!folders.upper) return layers;
  if (parentOf(*folders.upper) != parentOf(*folders.work)) throw systemFailure(EXDEV, "open_tree", *folders.work);
  const UniqueFd writable = mappedClone(parentOf(*folders.upper), place, owners);
  layers.upper = openFolder(writable.get(), nameOf(*folders.upper));
  layers.work = openFolder(writable.get(), nameOf(*folders.work));
  return layers;
}

UniqueFd enterNamespaceOfOurs() {
  UniqueFd home(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!home.valid()) throw systemFailure(errno, "open", "/proc/thread-self/ns/mnt");
  if (unshare(CLONE_NEWNS) != 0) throw systemFailure(errno, "unshare", "");
  if (mount(nullptr, "/", nullptr, kPrivateBelow, nullptr) != 0) throw systemFailure(errno, "mount", "/");
  return home;
}

/// overlayfs does its own work (whiteouts, copies on the way) as whoever mounted it, and the host's root has no id in
/// mapped layers. Leaving file-system id 0 takes the capabilities over files along: they are put back.
void becomeMappedRoot(const MappedOwners& owners) {
  setfsgid(owners.rootGid);
  setfsuid(owners.rootUid);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) throw systemFailure(errno, "capget", "");
  for (auto& set : sets) set.effective = set.permitted;
  if (syscall(SYS_capset, &header, sets.data()) != 0) throw systemFailure(errno, "capset", "");
}

void mountFromNamespaceOfOurs(const OverlayFolders& folders, const std::string& target, std::optional<OverlayMethod> only,
                              const MappedOwners& owners) {
  const UniqueFd home = enterNamespaceOfOurs();
  const OverlayLayers layers = mappedLayers(folders, target, owners);
  becomeMappedRoot(owners);
  mountLayers(layers, target, only);
  const UniqueFd overlay = cloneMount(target);
  if (setns(home.get(), CLONE_NEWNS) != 0) throw systemFailure(errno, "setns", "");
  moveMount(overlay, target);
}

}  // namespace

/// The clones live in a mount namespace that ends with its thread; the overlay keeps references of its own. So neither
/// success nor failure nor a kill leaves one behind.
void mountMappedLayers(const OverlayFolders& folders, const std::string& target, std::optional<OverlayMethod> only,
                       const MappedOwners& owners) {
  std::optional<Failure> failure;
  std::thread([&] {
    try {
      mountFromNamespaceOfOurs(folders, target, only, owners);
    } catch (const Failure& caught) {
      failure = caught;
    }
  }).join();
  if (failure) throw *failure;
}

}  // namespace berth
