#include "outside-folder.hpp"

#include <sys/stat.h>

#include <memory>

#include "as-owner.hpp"
#include "driver-folder.hpp"
#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"
#include "tmpfs.hpp"

namespace {

/** NVIDIA's libraries read every file of this folder (driver README, "Application Profiles"). */
constexpr char kProfilesFolder[] = "etc/nvidia/nvidia-application-profiles-rc.d";

void attach(const std::shared_ptr<Fd>& tree, const Fd& target, const std::string& path, Undo& undo) {
  if (sys::move_mount(tree->get(), target.get()) != 0) fail_errno("move_mount", "/" + path);
  undo_mount(tree, undo);
}

Fd file_mount_point(int root, const std::string& path, Undo& undo) {
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  auto folder = std::make_shared<Fd>(make_folder(root, path.substr(0, slash), undo));
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Fd made(make_in(folder->get(), [&] { return openat(folder->get(), name.c_str(), kNew, 0444); }));
  if (made) undo.add([folder, name] { unlinkat(folder->get(), name.c_str(), 0); });
  else if (errno != EEXIST) fail_errno("create", "/" + path);
  return open_below(folder->get(), name, 0);
}

}  // namespace

void mount_outside_driver_folder(int root, int driver_folder, const Plan& plan, const HostFiles& host, Undo& undo) {
  for (std::size_t i = 0; i < plan.run_mounts.size(); ++i) {
    const FileMount& mount = plan.run_mounts[i];
    const Fd target = mount.kind == MountKind::folder ? make_folder(root, mount.path, undo) : file_mount_point(root, mount.path, undo);
    attach(std::make_shared<Fd>(dup(host.run_files[i].get())), target, mount.path, undo);
  }
  if (plan.application_profile.empty()) return;
  auto profiles = std::make_shared<Fd>(sys::open_tree(driver_folder, kProfileFolder, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW));
  if (!*profiles) fail_errno("open_tree", kProfileFolder);
  attach(profiles, make_folder(root, kProfilesFolder, undo), kProfilesFolder, undo);
}
