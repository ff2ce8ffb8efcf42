#pragma once

#include <napi.h>

namespace berth {

/// What lives as long as one environment (main thread or worker) has the addon loaded.
struct AddonData {
  Napi::FunctionReference rootClass;
};

// One topic a file; each adds its functions to the exports.
void exportClock(Napi::Env env, Napi::Object exports);
void exportLock(Napi::Env env, Napi::Object exports);
void exportMount(Napi::Env env, Napi::Object exports);
void exportNvml(Napi::Env env, Napi::Object exports);
void exportOverlay(Napi::Env env, Napi::Object exports);
void exportProcessSignal(Napi::Env env, Napi::Object exports);
void exportResourceLimit(Napi::Env env, Napi::Object exports);
void exportRoot(Napi::Env env, Napi::Object exports, AddonData& data);

}  // namespace berth
