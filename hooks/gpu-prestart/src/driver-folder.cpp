#include "driver-folder.hpp"

#include <sys/stat.h>

#include <memory>

#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"

namespace {

Fd make_tmpfs() {
  Fd fs(sys::fsopen("tmpfs"));
  if (!fs) fail_errno("fsopen", "tmpfs");
  // Holds only empty mount points, links and one small file.
  const bool ok = sys::fsconfig_string(fs.get(), "source", "berth-gpu") == 0 && sys::fsconfig_string(fs.get(), "mode", "0755") == 0 &&
                  sys::fsconfig_string(fs.get(), "size", "1m") == 0 && sys::fsconfig_string(fs.get(), "nr_inodes", "16384") == 0 &&
                  sys::fsconfig_create(fs.get()) == 0;
  if (!ok) fail_errno("fsconfig", "tmpfs");
  Fd mount(sys::fsmount(fs.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount) fail_errno("fsmount", "tmpfs");
  return mount;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

void write_file(int tmpfs, const std::string& path, const std::string& text) {
  Undo with_the_tmpfs;
  if (parent_of(path) != ".") make_folder(tmpfs, parent_of(path), with_the_tmpfs);
  with_the_tmpfs.keep();
  Fd file(openat(tmpfs, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file) fail_errno("create", path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail_errno("write", path);
}

void make_link(int tmpfs, const Symlink& link) {
  Undo with_the_tmpfs;
  if (parent_of(link.path) != ".") make_folder(tmpfs, parent_of(link.path), with_the_tmpfs);
  with_the_tmpfs.keep();
  if (symlinkat(link.target.c_str(), tmpfs, link.path.c_str()) != 0) fail_errno("symlink", link.path);
}

/** Filled before anybody but us can see it. */
Fd fill_tmpfs(const Plan& plan) {
  Fd tmpfs = make_tmpfs();
  for (const FileMount& mount : plan.mounts) write_file(tmpfs.get(), mount.path, "");
  for (const Symlink& link : plan.symlinks) make_link(tmpfs.get(), link);
  if (!plan.proc_params.empty()) write_file(tmpfs.get(), "proc/params", plan.proc_params);
  return tmpfs;
}

}  // namespace

Fd mount_driver_folder(int root, const Plan& plan, const HostFiles& host, Undo& undo) {
  const Fd target = make_folder(root, plan.driver_folder, undo);
  auto tmpfs = std::make_shared<Fd>(fill_tmpfs(plan));
  if (sys::move_mount(tmpfs->get(), target.get()) != 0) fail_errno("move_mount", "/" + plan.driver_folder);
  undo.add([tmpfs] {
    if (fchdir(tmpfs->get()) == 0 && sys::umount2(".", sys::kDetach) != 0) _exit(2);
    if (chdir("/") != 0) _exit(2);
  });
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    const Fd file = open_below(tmpfs->get(), plan.mounts[i].path, 0);
    if (sys::move_mount(host.files[i].get(), file.get()) != 0) fail_errno("move_mount", plan.mounts[i].path);
  }
  if (sys::mount_setattr(tmpfs->get(), MOUNT_ATTR_RDONLY) != 0) fail_errno("mount_setattr", "/" + plan.driver_folder);
  return open_below(tmpfs->get(), ".", O_DIRECTORY);
}
