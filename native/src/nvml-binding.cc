#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "arguments.h"
#include "failure.h"
#include "nvml-query.h"
#include "topics.h"

namespace berth {
namespace {

/// One query on its way. NVML can hang for good in the driver, so it gets a thread of its own: libuv's few workers also
/// serve every file operation of the process.
struct Query {
  Napi::Promise::Deferred deferred;
  std::string library;
  std::optional<NvmlFacts> facts;
  std::optional<Failure> failure;
};

template <typename T>
Napi::Value orNull(Napi::Env env, const std::optional<T>& value) {
  return value ? Napi::Value::From(env, *value) : env.Null();
}

Napi::Object toJs(Napi::Env env, const GpuFacts& gpu) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", gpu.index);
  object.Set("uuid", gpu.uuid);
  object.Set("minor", gpu.minor);
  object.Set("pciBusId", gpu.pciBusId);
  object.Set("name", gpu.name);
  object.Set("memoryTotalBytes", gpu.memoryTotalBytes);
  object.Set("memoryUsedBytes", gpu.memoryUsedBytes);
  object.Set("computeCapability", orNull(env, gpu.computeCapability));
  object.Set("error", orNull(env, gpu.error));
  object.Set("utilizationPercent", orNull(env, gpu.utilizationPercent));
  object.Set("temperatureCelsius", orNull(env, gpu.temperatureCelsius));
  object.Set("powerMilliwatts", orNull(env, gpu.powerMilliwatts));
  return object;
}

Napi::Value toJs(Napi::Env env, const std::optional<NvmlFacts>& facts) {
  if (!facts) return env.Null();
  Napi::Array gpus = Napi::Array::New(env, facts->gpus.size());
  for (std::uint32_t i = 0; i < facts->gpus.size(); i++) gpus.Set(i, toJs(env, facts->gpus[i]));
  Napi::Object report = Napi::Object::New(env);
  report.Set("driverVersion", facts->driverVersion);
  report.Set("cudaVersion", orNull(env, facts->cudaVersion));
  report.Set("gpus", gpus);
  return report;
}

void settle(Napi::Env env, Napi::Function, std::nullptr_t*, Query* query) {
  const std::unique_ptr<Query> owned(query);
  if (static_cast<napi_env>(env) == nullptr) return;
  if (owned->failure) {
    owned->deferred.Reject(toJsError(env, *owned->failure).Value());
  } else {
    owned->deferred.Resolve(toJs(env, owned->facts));
  }
}

using Completion = Napi::TypedThreadSafeFunction<std::nullptr_t, Query, settle>;

void run(Query* query, Completion completion) {
  try {
    query->facts = queryNvml(query->library);
  } catch (const Failure& failure) {
    query->failure = failure;
  }
  // Refused only while the environment is torn down, when nobody waits any more.
  if (completion.BlockingCall(query) != napi_ok) delete query;
  completion.Release();
}

Napi::Value query(const Napi::CallbackInfo& info) {
  auto* query = new Query{Napi::Promise::Deferred::New(info.Env()), textArgument(info[0], "library"), {}, {}};
  const Napi::Promise promise = query->deferred.Promise();
  std::thread(run, query, Completion::New(info.Env(), "nvml", 0, 1)).detach();
  return promise;
}

}  // namespace

void exportNvml(Napi::Env env, Napi::Object exports) {
  Napi::Object nvml = Napi::Object::New(env);
  nvml.Set("query", Napi::Function::New(env, query));
  exports.Set("nvml", nvml);
}

}  // namespace berth
