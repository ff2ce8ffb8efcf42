#include "tmpfs.hpp"

#include <sys/stat.h>

#include "failure.hpp"
#include "syscalls.hpp"

Fd make_tmpfs() {
  Fd fs(sys::fsopen("tmpfs"));
  if (!fs) fail_errno("fsopen", "tmpfs");
  const bool ok = sys::fsconfig_string(fs.get(), "source", "berth-gpu") == 0 && sys::fsconfig_string(fs.get(), "mode", "0755") == 0 &&
                  sys::fsconfig_string(fs.get(), "size", "1m") == 0 && sys::fsconfig_string(fs.get(), "nr_inodes", "16384") == 0 &&
                  sys::fsconfig_create(fs.get()) == 0;
  if (!ok) fail_errno("fsconfig", "tmpfs");
  Fd mount(sys::fsmount(fs.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount) fail_errno("fsmount", "tmpfs");
  return mount;
}

void make_all_folders(int tmpfs, const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    if (mkdirat(tmpfs, path.substr(0, end).c_str(), 0755) != 0 && errno != EEXIST) fail_errno("mkdir", path);
    if (end == std::string::npos) return;
  }
}

void make_parents(int tmpfs, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos) make_all_folders(tmpfs, path.substr(0, slash));
}

void write_file(int tmpfs, const std::string& path, const std::string& text) {
  make_parents(tmpfs, path);
  Fd file(openat(tmpfs, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!file) fail_errno("create", path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail_errno("write", path);
}

void undo_mount(const std::shared_ptr<Fd>& mount, Undo& undo) {
  // By descriptor and not by path: under a racing image a path may lead elsewhere by now.
  undo.add([mount] { sys::umount2(("/proc/self/fd/" + std::to_string(mount->get())).c_str(), sys::kDetach); });
}
