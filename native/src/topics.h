#pragma once

#include <napi.h>

#include <memory>

namespace berth {

struct InflateLibrary;

/// What lives as long as one environment (main thread or worker) has the addon loaded.
struct AddonData {
  Napi::FunctionReference rootClass;
  Napi::FunctionReference gunzipClass;
  /// Opened when first asked for.
  std::shared_ptr<const InflateLibrary> inflateLibrary;
};

// One topic a file; each adds its functions to the exports.
void exportBuffers(Napi::Env env, Napi::Object exports);
void exportClock(Napi::Env env, Napi::Object exports);
void exportFileSystem(Napi::Env env, Napi::Object exports);
void exportGunzip(Napi::Env env, Napi::Object exports, AddonData& data);
void exportLock(Napi::Env env, Napi::Object exports);
void exportMount(Napi::Env env, Napi::Object exports);
void exportNvml(Napi::Env env, Napi::Object exports);
void exportOverlay(Napi::Env env, Napi::Object exports);
void exportProcessSignal(Napi::Env env, Napi::Object exports);
void exportResourceLimit(Napi::Env env, Napi::Object exports);
void exportRoot(Napi::Env env, Napi::Object exports, AddonData& data);
void exportUserNamespace(Napi::Env env, Napi::Object exports);

}  // namespace berth
