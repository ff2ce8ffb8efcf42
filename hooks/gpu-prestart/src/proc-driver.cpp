#include "proc-driver.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <string>

#include "failure.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"

void show_proc_params(int root, int tmpfs, Undo& undo) {
  const Fd proc = open_below(root, "proc", O_DIRECTORY);
  struct statfs fs;
  if (fstatfs(proc.get(), &fs) != 0) fail_errno("statfs", "/proc");
  if (fs.f_type != PROC_SUPER_MAGIC) throw Failure("rootfs: /proc is not procfs");
  struct stat st;
  if (fstatat(proc.get(), "driver/nvidia/params", &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return;

  const Fd target = open_below(proc.get(), "driver/nvidia/params", 0);
  const Fd view(sys::open_tree(tmpfs, "proc/params", OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW));
  if (!view) fail_errno("open_tree", "proc/params");
  if (sys::mount_setattr(view.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) != 0)
    fail_errno("mount_setattr", "proc/params");
  if (sys::move_mount(view.get(), target.get()) != 0) fail_errno("move_mount", "/proc/driver/nvidia/params");
  const int mounted = dup(view.get());
  undo.add([mounted] {
    sys::umount2(("/proc/self/fd/" + std::to_string(mounted)).c_str(), sys::kDetach);
    close(mounted);
  });
}
