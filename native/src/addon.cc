#include <napi.h>

#include "topics.h"

namespace berth {

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  exportBuffers(env, exports);
  exportClock(env, exports);
  exportFileSystem(env, exports);
  exportGunzip(env, exports, *data);
  exportLock(env, exports);
  exportMount(env, exports);
  exportNvml(env, exports);
  exportOverlay(env, exports);
  exportProcessSignal(env, exports);
  exportResourceLimit(env, exports);
  exportRoot(env, exports, *data);
  exportUserNamespace(env, exports);
  return exports;
}

NODE_API_MODULE(berth, init)

}  // namespace berth
