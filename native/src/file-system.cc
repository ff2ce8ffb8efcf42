#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"
#include "failure.h"
#include "topics.h"
#include "unique-fd.h"
#include "work.h"

namespace berth {

static Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  return onWorker(info.Env(), [path = textArgument(info[0], "path")] {
    const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) throw systemFailure(errno, "open", path);
    if (syncfs(folder.get()) != 0) throw systemFailure(errno, "syncfs", path);
  });
}

/// What file systems without the flag, or without any flags, answer.
static bool meansUnsupported(int error) { return error == ENOTTY || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS; }

static bool setTopFolderFlag(const std::string& path) {
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) throw systemFailure(errno, "open", path);
  int flags = 0;
  if (ioctl(folder.get(), FS_IOC_GETFLAGS, &flags) != 0) {
    if (meansUnsupported(errno)) return false;
    throw systemFailure(errno, "ioctl", path);
  }
  flags |= FS_TOPDIR_FL;
  if (ioctl(folder.get(), FS_IOC_SETFLAGS, &flags) == 0) return true;
  if (meansUnsupported(errno)) return false;
  throw systemFailure(errno, "ioctl", path);
}

static Napi::Value spreadSubfolders(const Napi::CallbackInfo& info) {
  return onWorker(
      info.Env(), [path = textArgument(info[0], "path")] { return setTopFolderFlag(path); },
      [](Napi::Env env, bool spread) -> Napi::Value { return Napi::Boolean::New(env, spread); });
}

void exportFileSystem(Napi::Env env, Napi::Object exports) {
  exports.Set("syncFileSystem", Napi::Function::New(env, syncFileSystem));
  exports.Set("spreadSubfolders", Napi::Function::New(env, spreadSubfolders));
}

}  // namespace berth
