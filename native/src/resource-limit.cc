#include <sys/resource.h>

#include <cerrno>
#include <limits>

#include "arguments.h"
#include "failure.h"
#include "topics.h"

namespace berth {

static decltype(RLIMIT_NOFILE) resourceNamed(Napi::Env env, const std::string& name) {
  if (name == "nofile") return RLIMIT_NOFILE;
  if (name == "memlock") return RLIMIT_MEMLOCK;
  if (name == "nproc") return RLIMIT_NPROC;
  if (name == "core") return RLIMIT_CORE;
  throw Napi::RangeError::New(env, "resource must be nofile, memlock, nproc or core, not " + name);
}

static double limitOf(rlim_t value) {
  return value == RLIM_INFINITY ? std::numeric_limits<double>::infinity() : static_cast<double>(value);
}

static Napi::Value resourceLimit(const Napi::CallbackInfo& info) {
  rlimit limit{};
  if (getrlimit(resourceNamed(info.Env(), textArgument(info[0], "resource")), &limit) != 0) {
    throw toJsError(info.Env(), systemFailure(errno, "getrlimit", ""));
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("soft", limitOf(limit.rlim_cur));
  result.Set("hard", limitOf(limit.rlim_max));
  return result;
}

void exportResourceLimit(Napi::Env env, Napi::Object exports) { exports.Set("rlimit", Napi::Function::New(env, resourceLimit)); }

}  // namespace berth
