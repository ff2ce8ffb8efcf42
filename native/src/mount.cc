#include <sys/mount.h>

#include <cerrno>

#include "arguments.h"
#include "topics.h"
#include "work.h"

namespace berth {

static Napi::Value mountFilesystem(const Napi::CallbackInfo& info) {
  const std::string source = textArgument(info[0], "source");
  const std::string target = textArgument(info[1], "target");
  const std::string type = textArgument(info[2], "fstype");
  const unsigned long flags = unsignedArgument(info[3], "flags");
  const std::string data = textArgument(info[4], "data");
  return onWorker(info.Env(), [=] {
    if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) != 0) {
      throw systemFailure(errno, "mount", target);
    }
  });
}

static Napi::Value unmountFilesystem(const Napi::CallbackInfo& info) {
  const std::string target = textArgument(info[0], "target");
  const auto flags = static_cast<int>(unsignedArgument(info[1], "flags", 15));
  return onWorker(info.Env(), [=] {
    if (umount2(target.c_str(), flags) != 0) throw systemFailure(errno, "umount2", target);
  });
}

void exportMount(Napi::Env env, Napi::Object exports) {
  exports.Set("mount", Napi::Function::New(env, mountFilesystem));
  exports.Set("unmount", Napi::Function::New(env, unmountFilesystem));
}

}  // namespace berth
