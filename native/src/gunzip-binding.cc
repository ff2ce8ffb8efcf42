#include <climits>
#include <memory>
#include <utility>

#include "failure.h"
#include "gunzip.h"
#include "topics.h"
#include "work.h"

namespace berth {

#ifdef BERTH_HAS_INFLATE
namespace {

struct Shared {
  explicit Shared(std::shared_ptr<const InflateLibrary> library) : gunzip(std::move(library)) {}
  Gunzip gunzip;
  /// Its state is one call's at a time. Changed on the main thread only.
  bool busy = false;
};

/// Frees the decoder for the next call however this one ends, and holds the two buffers until then.
struct Turn {
  Turn(std::shared_ptr<Shared> shared, const Napi::Buffer<std::uint8_t>& input, const Napi::Buffer<std::uint8_t>& output)
      : shared(std::move(shared)), input(Napi::Persistent(input)), output(Napi::Persistent(output)) {
    this->shared->busy = true;
  }
  ~Turn() { shared->busy = false; }

  std::shared_ptr<Shared> shared;
  Napi::Reference<Napi::Buffer<std::uint8_t>> input;
  Napi::Reference<Napi::Buffer<std::uint8_t>> output;
};

Napi::Buffer<std::uint8_t> bufferArgument(const Napi::Value& value, const char* name) {
  if (!value.IsBuffer()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a Buffer");
  const auto buffer = value.As<Napi::Buffer<std::uint8_t>>();
  if (buffer.Length() > INT_MAX) throw Napi::RangeError::New(value.Env(), std::string(name) + " is too large");
  return buffer;
}

Napi::Value toJsStep(Napi::Env env, const GunzipStep& step) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("read", Napi::Number::New(env, static_cast<double>(step.read)));
  result.Set("written", Napi::Number::New(env, static_cast<double>(step.written)));
  result.Set("complete", Napi::Boolean::New(env, step.complete));
  result.Set("ended", Napi::Boolean::New(env, step.ended));
  return result;
}

class NativeGunzip final : public Napi::ObjectWrap<NativeGunzip> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeGunzip", {InstanceMethod<&NativeGunzip::decode>("decode")});
  }

  explicit NativeGunzip(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "NativeGunzip is made by createGunzip");
    shared_ = *info[0].As<Napi::External<std::shared_ptr<Shared>>>().Data();
  }

 private:
  Napi::Value decode(const Napi::CallbackInfo& info) {
    const auto input = bufferArgument(info[0], "input");
    const auto output = bufferArgument(info[1], "output");
    if (shared_->busy) throw Napi::Error::New(info.Env(), "the last call of this decoder has not ended");
    auto turn = std::make_shared<Turn>(shared_, input, output);
    return onWorker(
        info.Env(),
        [gunzip = &shared_->gunzip, in = input.Data(), inSize = input.Length(), out = output.Data(), outSize = output.Length()] {
          return gunzip->decode(in, inSize, out, outSize);
        },
        [turn = std::move(turn)](Napi::Env env, const GunzipStep& step) mutable -> Napi::Value {
          // Before the promise settles: who waits for it may call again at once.
          turn.reset();
          return toJsStep(env, step);
        });
  }

  std::shared_ptr<Shared> shared_;
};

Napi::Value createGunzip(const Napi::CallbackInfo& info) {
  auto& data = *info.Env().GetInstanceData<AddonData>();
  if (data.inflateLibrary == nullptr) data.inflateLibrary = openInflateLibrary();
  if (data.inflateLibrary == nullptr) return info.Env().Null();
  auto shared = std::make_shared<Shared>(data.inflateLibrary);
  return data.gunzipClass.New({Napi::External<std::shared_ptr<Shared>>::New(info.Env(), &shared)});
}

}  // namespace

void exportGunzip(Napi::Env env, Napi::Object exports, AddonData& data) {
  data.gunzipClass = Napi::Persistent(NativeGunzip::define(env));
  exports.Set("createGunzip", Napi::Function::New(env, createGunzip));
}

#else

void exportGunzip(Napi::Env env, Napi::Object exports, AddonData& data) {
  exports.Set("createGunzip", Napi::Function::New(env, [](const Napi::CallbackInfo& info) { return info.Env().Null(); }));
}

#endif

}  // namespace berth
