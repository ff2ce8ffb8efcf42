#include "proc-driver.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <memory>

#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"
#include "tmpfs.hpp"

namespace {

Fd open_proc(int root) {
  Fd proc = open_below(root, "proc", O_DIRECTORY);
  struct statfs fs;
  if (fstatfs(proc.get(), &fs) != 0) fail_errno("statfs", "/proc");
  if (fs.f_type != PROC_SUPER_MAGIC) throw Failure("rootfs: /proc is not procfs");
  return proc;
}

bool exists(int folder, const std::string& path, struct stat& st) {
  if (fstatat(folder, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) fail_errno("stat", "/proc/" + path);
  return false;
}

struct Shown {
  std::string path;
  Fd tree;
};

/** Taken before the view covers them. What this driver does not have is left out. */
std::vector<Shown> take(int nvidia, int view, const std::vector<std::string>& paths) {
  std::vector<Shown> taken;
  for (const std::string& path : paths) {
    struct stat st;
    if (!exists(nvidia, path, st)) continue;
    const Fd source = open_below(nvidia, path, 0);
    Fd tree(sys::open_tree(source.get(), "", OPEN_TREE_CLONE | AT_EMPTY_PATH));
    if (!tree) fail_errno("open_tree", path);
    constexpr uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (sys::mount_setattr(tree.get(), attributes) != 0) fail_errno("mount_setattr", path);
    if (S_ISDIR(st.st_mode)) make_all_folders(view, path);
    else write_file(view, path, "");
    taken.push_back({path, std::move(tree)});
  }
  return taken;
}

}  // namespace

void show_proc_driver(int root, const Plan& plan, Undo& undo) {
  const Fd proc = open_proc(root);
  struct stat st;
  if (!exists(proc.get(), "driver/nvidia", st)) return;
  const Fd nvidia = open_below(proc.get(), "driver/nvidia", O_DIRECTORY);
  auto view = std::make_shared<Fd>(make_tmpfs());
  write_file(view->get(), "params", plan.proc_params);
  std::vector<std::string> paths = plan.proc_shown;
  paths.insert(paths.end(), {"version", "registry"});
  const std::vector<Shown> shown = take(nvidia.get(), view->get(), paths);

  if (sys::move_mount(view->get(), nvidia.get()) != 0) fail_errno("move_mount", "/proc/driver/nvidia");
  undo_mount(view, undo);
  for (const Shown& entry : shown) {
    const Fd target = open_below(view->get(), entry.path, 0);
    if (sys::move_mount(entry.tree.get(), target.get()) != 0) fail_errno("move_mount", "/proc/driver/nvidia/" + entry.path);
  }
  if (sys::mount_setattr(view->get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC) != 0) fail_errno("mount_setattr", "/proc/driver/nvidia");
}
