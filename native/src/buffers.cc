#include <napi.h>

#include "topics.h"

namespace berth {

static Napi::Value freeBuffer(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "bytes must be a Uint8Array");
  const auto bytes = info[0].As<Napi::TypedArray>();
  Napi::ArrayBuffer memory = bytes.ArrayBuffer();
  // A part of something larger is not its holder's alone.
  const bool whole = bytes.ByteLength() == memory.ByteLength();
  if (whole && memory.ByteLength() > 0) memory.Detach();
  return Napi::Boolean::New(info.Env(), whole);
}

void exportBuffers(Napi::Env env, Napi::Object exports) { exports.Set("freeBuffer", Napi::Function::New(env, freeBuffer)); }

}  // namespace berth
