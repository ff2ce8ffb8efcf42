#pragma once

#include <napi.h>

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "failure.h"

namespace berth {

/// Runs `run` on a worker thread, where no JS value may be touched, and settles a promise on the main one.
template <typename Run, typename ToJs>
class Work final : public Napi::AsyncWorker {
 public:
  using Result = std::invoke_result_t<Run>;

  Work(Napi::Env env, Run run, ToJs toJs)
      : Napi::AsyncWorker(env, "berth"),
        deferred_(Napi::Promise::Deferred::New(env)),
        run_(std::move(run)),
        toJs_(std::move(toJs)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      result_.emplace(run_());
    } catch (const Failure& failure) {
      failure_ = failure;
      SetError(failure.message);
    }
  }

  void OnOK() override { deferred_.Resolve(toJs_(Env(), std::move(*result_))); }

  void OnError(const Napi::Error& error) override {
    deferred_.Reject(failure_ ? toJsError(Env(), *failure_).Value() : error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  Run run_;
  ToJs toJs_;
  std::optional<Result> result_;
  std::optional<Failure> failure_;
};

template <typename Run, typename ToJs>
Napi::Value onWorker(Napi::Env env, Run run, ToJs toJs) {
  auto* work = new Work<Run, ToJs>(env, std::move(run), std::move(toJs));
  Napi::Promise promise = work->promise();
  work->Queue();
  return promise;
}

/// The same for work without a result.
template <typename Run>
Napi::Value onWorker(Napi::Env env, Run run) {
  return onWorker(
      env,
      [run = std::move(run)] {
        run();
        return std::monostate{};
      },
      [](Napi::Env env, std::monostate) -> Napi::Value { return env.Undefined(); });
}

}  // namespace berth
