#pragma once
// Raw numbers because glibc before 2.36 (Ubuntu 22.04) has no wrappers for the mount API, and no glibc has openat2.
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sys {

inline int openat2(int folder, const char* path, uint64_t flags, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, folder, path, &how, sizeof how));
}
inline int open_tree(int folder, const char* path, unsigned flags) {
  return static_cast<int>(syscall(SYS_open_tree, folder, path, flags | OPEN_TREE_CLOEXEC));
}
/** Puts the mount behind `from` on top of the file or folder behind `to`: no path is looked up. */
inline int move_mount(int from, int to) {
  return static_cast<int>(syscall(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
/** Sets MOUNT_ATTR_* on the mount behind `fd` and makes it private. */
inline int mount_setattr(int fd, uint64_t attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  attr.propagation = 1UL << 18;  // MS_PRIVATE: <sys/mount.h> cannot be included beside <linux/mount.h>
  return static_cast<int>(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr));
}
inline int fsopen(const char* type) { return static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }
inline int fsconfig_string(int fs, const char* key, const char* value) {
  return static_cast<int>(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}
inline int fsconfig_create(int fs) { return static_cast<int>(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0)); }
inline int fsmount(int fs, unsigned attributes) { return static_cast<int>(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes)); }
inline int umount2(const char* path, int flags) { return static_cast<int>(syscall(SYS_umount2, path, flags)); }

constexpr int kDetach = 2;  // MNT_DETACH

}  // namespace sys
