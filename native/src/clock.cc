#include <ctime>

#include "failure.h"
#include "topics.h"

namespace berth {

static Napi::Value bootTimeMs(const Napi::CallbackInfo& info) {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Napi::Number::New(info.Env(), static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6);
}

void exportClock(Napi::Env env, Napi::Object exports) { exports.Set("bootTimeMs", Napi::Function::New(env, bootTimeMs)); }

}  // namespace berth
