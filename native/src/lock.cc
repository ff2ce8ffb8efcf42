#include <sys/file.h>

#include <cerrno>
#include <climits>

#include "arguments.h"
#include "failure.h"
#include "topics.h"

namespace berth {

static Napi::Value tryLock(const Napi::CallbackInfo& info) {
  const auto fd = static_cast<int>(unsignedArgument(info[0], "fd", INT_MAX));
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
    throw toJsError(info.Env(), systemFailure(errno, "flock", ""));
  }
  return Napi::Boolean::New(info.Env(), true);
}

void exportLock(Napi::Env env, Napi::Object exports) { exports.Set("tryLock", Napi::Function::New(env, tryLock)); }

}  // namespace berth
