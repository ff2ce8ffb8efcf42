#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "arguments.h"
#include "failure.h"
#include "nvml-query.h"
#include "nvml-watch.h"
#include "topics.h"

namespace berth {
namespace {

Napi::Value parseJson(Napi::Env env, const std::string& text) {
  const Napi::Object json = env.Global().Get("JSON").As<Napi::Object>();
  return json.Get("parse").As<Napi::Function>().Call(json, {Napi::String::New(env, text)});
}

using Question = std::optional<std::string> (*)(const std::string& library);

/// One question on its way. NVML can hang for good in the driver, so it gets a thread of its own: libuv's few workers also
/// serve every file operation of the process.
struct Query {
  Napi::Promise::Deferred deferred;
  std::string library;
  Question question;
  std::optional<std::string> json;
  std::optional<Failure> failure;
};

void settle(Napi::Env env, Napi::Function, std::nullptr_t*, Query* query) {
  const std::unique_ptr<Query> owned(query);
  if (static_cast<napi_env>(env) == nullptr) return;
  if (owned->failure) {
    owned->deferred.Reject(toJsError(env, *owned->failure).Value());
  } else {
    owned->deferred.Resolve(owned->json ? parseJson(env, *owned->json) : env.Null());
  }
}

using Completion = Napi::TypedThreadSafeFunction<std::nullptr_t, Query, settle>;

void answer(Query* query, Completion completion) {
  try {
    query->json = query->question(query->library);
  } catch (const Failure& failure) {
    query->failure = failure;
  }
  // Refused only while the environment is torn down, when nobody waits any more.
  if (completion.BlockingCall(query) != napi_ok) delete query;
  completion.Release();
}

template <Question question>
Napi::Value ask(const Napi::CallbackInfo& info) {
  auto* query = new Query{Napi::Promise::Deferred::New(info.Env()), textArgument(info[0], "library"), question, {}, {}};
  const Napi::Promise promise = query->deferred.Promise();
  std::thread(answer, query, Completion::New(info.Env(), "nvml", 0, 1)).detach();
  return promise;
}

void deliver(Napi::Env env, Napi::Function listener, std::nullptr_t*, std::string* message) {
  const std::unique_ptr<std::string> owned(message);
  if (static_cast<napi_env>(env) == nullptr || listener.IsEmpty()) return;
  listener.Call({parseJson(env, *owned)});
}

using Messages = Napi::TypedThreadSafeFunction<std::nullptr_t, std::string, deliver>;

void runWatch(const std::string& library, const std::shared_ptr<std::atomic<bool>>& stopped, Messages messages) {
  bool closing = false;
  nvml::watchXids(library, *stopped, [&](const std::string& text) {
    if (closing) return;
    auto* message = new std::string(text);
    if (messages.NonBlockingCall(message) == napi_ok) return;
    // The environment is torn down, and took this thread's hold with it.
    delete message;
    closing = true;
    *stopped = true;
  });
  if (!closing) messages.Release();
}

/// (library, listener) -> stop. The thread ends within a round of the stop, or with the process when NVML hangs.
Napi::Value watch(const Napi::CallbackInfo& info) {
  const std::string library = textArgument(info[0], "library");
  if (!info[1].IsFunction()) throw Napi::TypeError::New(info.Env(), "listener: a function is needed");
  Messages messages = Messages::New(info.Env(), info[1].As<Napi::Function>(), "nvml-watch", 0, 1);
  // Waiting for events is no reason to keep a process that has nothing else to do.
  messages.Unref(info.Env());
  const auto stopped = std::make_shared<std::atomic<bool>>(false);
  std::thread([library, stopped, messages] { runWatch(library, stopped, messages); }).detach();
  return Napi::Function::New(info.Env(), [stopped](const Napi::CallbackInfo&) { *stopped = true; });
}

}  // namespace

void exportNvml(Napi::Env env, Napi::Object exports) {
  Napi::Object topic = Napi::Object::New(env);
  topic.Set("query", Napi::Function::New(env, ask<nvml::queryReport>));
  topic.Set("sample", Napi::Function::New(env, ask<nvml::querySamples>));
  topic.Set("watch", Napi::Function::New(env, watch));
  exports.Set("nvml", topic);
}

}  // namespace berth
