#pragma once

#include <nlohmann/json.hpp>

#include "nvml-library.h"

namespace berth::nvml {

using Json = nlohmann::json;

/// One GPU or MIG device of an open NVML, with what went wrong while asking it.
class Handle {
 public:
  Handle(const Library& library, Device device) : library_(library), device_(device) {}

  /// What every GPU must tell: not being able to is an error of the device.
  template <typename Signature, typename... Arguments>
  bool must(Signature signature, const char* symbol, Arguments... arguments) {
    return succeeded(library_.call(signature, symbol, device_, arguments...), true);
  }

  /// What only some GPUs and drivers tell. One that is lost says so here as well.
  template <typename Signature, typename... Arguments>
  bool ask(Signature signature, const char* symbol, Arguments... arguments) {
    return succeeded(library_.call(signature, symbol, device_, arguments...), false);
  }

  /// The value as a number, null when the driver or the device does not say.
  Json number(const char* symbol);
  std::string text(const char* symbol);

  const Library& library() const { return library_; }
  Device device() const { return device_; }
  const std::optional<std::string>& error() const { return error_; }

 private:
  bool succeeded(Result result, bool needed);

  const Library& library_;
  Device device_;
  std::optional<std::string> error_;
};

/// The MIG instance's number, null for a whole GPU.
inline Json instanceOrNull(unsigned id) { return id == kNoInstance ? Json() : Json(id); }

/// A driver may name a device in bytes that are not UTF-8.
inline std::string print(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Each adds its fields of NvmlGpu (src/node/platform/native.ts).
void addIdentity(Handle& gpu, Json& json);
void addTelemetry(Handle& gpu, Json& json);
void addHealth(Handle& gpu, Json& json);
void addProcesses(Handle& gpu, Json& json);
void addLinks(Handle& gpu, Json& json);
void addMig(Handle& gpu, Json& json);

}  // namespace berth::nvml
