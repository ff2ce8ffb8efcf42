#include "nvml-library.h"

#include <cstdlib>

#include "failure.h"

namespace berth::nvml {
namespace {

/// A bare name is searched by the loader as always.
std::string fileBehind(const std::string& path) {
  if (path.find('/') == std::string::npos) return path;
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : path;
}

}  // namespace

std::optional<Library> Library::open(const std::string& path) {
  const std::string file = fileBehind(path);
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const std::string why = dlerror();
    // Only the library itself may be missing; one that lacks a dependency of its own is a broken installation.
    const bool absent = why.rfind(file + ":", 0) == 0 && why.find("No such file or directory") != std::string::npos;
    if (absent) return std::nullopt;
    throw Failure("ERR_DLOPEN_FAILED", 0, "dlopen", path, why);
  }
  std::unique_ptr<void, int (*)(void*)> owned(handle, dlclose);
  const auto init = reinterpret_cast<Result (*)()>(dlsym(handle, "nvmlInit_v2"));
  const Result started = init == nullptr ? kFunctionNotFound : init();
  if (started == kDriverNotLoaded || started == kLibraryNotFound) return std::nullopt;
  if (started != kSuccess) {
    const auto text = reinterpret_cast<const char* (*)(Result)>(dlsym(handle, "nvmlErrorString"));
    const char* why = text == nullptr ? nullptr : text(started);
    throw Failure("NVML_" + std::to_string(started), 0, "nvmlInit_v2", path, why == nullptr ? "NVML error " + std::to_string(started) : why);
  }
  return Library(owned.release(), path);
}

Library::~Library() {
  if (handle_) call(kNoArguments, "nvmlShutdown");
}

std::string Library::errorText(Result result) const {
  const auto function = reinterpret_cast<const char* (*)(Result)>(dlsym(handle_.get(), "nvmlErrorString"));
  const char* text = function == nullptr ? nullptr : function(result);
  return text == nullptr ? "NVML error " + std::to_string(result) : text;
}

void Library::must(Result result, const char* symbol) const {
  if (result == kSuccess) return;
  throw Failure("NVML_" + std::to_string(result), 0, symbol, path_, errorText(result));
}

}  // namespace berth::nvml
