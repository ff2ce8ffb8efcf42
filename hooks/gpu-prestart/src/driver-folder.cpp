#include "driver-folder.hpp"

#include <memory>

#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"
#include "tmpfs.hpp"

namespace {

void make_link(int tmpfs, const Symlink& link) {
  make_parents(tmpfs, link.path);
  if (symlinkat(link.target.c_str(), tmpfs, link.path.c_str()) != 0) fail_errno("symlink", link.path);
}

void make_mount_point(int tmpfs, const FileMount& mount) {
  if (mount.kind == MountKind::folder) make_all_folders(tmpfs, mount.path);
  else write_file(tmpfs, mount.path, "");
}

/** Filled before anybody but us can see it. */
Fd fill_tmpfs(const Plan& plan) {
  Fd tmpfs = make_tmpfs();
  for (const FileMount& mount : plan.mounts) make_mount_point(tmpfs.get(), mount);
  for (const Symlink& link : plan.symlinks) make_link(tmpfs.get(), link);
  if (!plan.application_profile.empty()) write_file(tmpfs.get(), kProfileFile, plan.application_profile);
  return tmpfs;
}

}  // namespace

Fd mount_driver_folder(int root, const Plan& plan, const HostFiles& host, Undo& undo) {
  const Fd target = make_folder(root, plan.driver_folder, undo);
  auto tmpfs = std::make_shared<Fd>(fill_tmpfs(plan));
  if (sys::move_mount(tmpfs->get(), target.get()) != 0) fail_errno("move_mount", "/" + plan.driver_folder);
  undo_mount(tmpfs, undo);
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    const Fd file = open_below(tmpfs->get(), plan.mounts[i].path, 0);
    if (sys::move_mount(host.files[i].get(), file.get()) != 0) fail_errno("move_mount", plan.mounts[i].path);
  }
  if (sys::mount_setattr(tmpfs->get(), MOUNT_ATTR_RDONLY) != 0) fail_errno("mount_setattr", "/" + plan.driver_folder);
  return open_below(tmpfs->get(), ".", O_DIRECTORY);
}
