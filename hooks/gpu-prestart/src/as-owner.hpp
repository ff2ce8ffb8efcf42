#pragma once
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.hpp"

/**
 * A tmpfs that a user namespace owns, and a rootfs of idmapped layers, take no files from ids which that namespace does not map
 * (EOVERFLOW), so files are made as the owner of their folder: the container's root. The kernel drops our file capabilities
 * meanwhile, which we do not need there.
 */
class AsOwner {
 public:
  explicit AsOwner(int folder) {
    struct stat st;
    if (fstat(folder, &st) != 0) fail_errno("stat", "folder");
    setfsgid(st.st_gid);
    setfsuid(st.st_uid);
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  ~AsOwner() {
    setfsuid(geteuid());
    setfsgid(getegid());
  }
};

/** `make` with the result of a system call, once more as the folder's owner where the kernel knows no id for ours. */
template <typename Make>
int make_in(int folder, Make make) {
  const int result = make();
  if (result >= 0 || errno != EOVERFLOW) return result;
  const AsOwner as_owner(folder);
  return make();
}
