#pragma once

#include <dlfcn.h>

#include <memory>
#include <optional>
#include <string>

#include "nvml-abi.h"

namespace berth::nvml {

/// An opened NVML between nvmlInit and nvmlShutdown. Several may be open at once, also in several threads: NVML counts.
class Library {
 public:
  /// Empty when the library does not exist or says there is no driver. The file behind the links is opened, so that an
  /// upgraded driver's library is another one, even while somebody still has the old one open.
  /// @throws Failure with NVML's own error text
  static std::optional<Library> open(const std::string& path);

  Library(Library&& other) = default;
  Library& operator=(Library&&) = delete;
  ~Library();

  /// A symbol this driver's NVML lacks answers as NVML itself would: NVML_ERROR_FUNCTION_NOT_FOUND.
  template <typename... Parameters, typename... Arguments>
  Result call(Result (*)(Parameters...), const char* symbol, Arguments... arguments) const {
    const auto function = reinterpret_cast<Result (*)(Parameters...)>(dlsym(handle_.get(), symbol));
    return function == nullptr ? kFunctionNotFound : function(arguments...);
  }

  std::string errorText(Result result) const;
  /// @throws Failure
  void must(Result result, const char* symbol) const;
  const std::string& path() const { return path_; }

 private:
  Library(void* handle, std::string path) : handle_(handle, dlclose), path_(std::move(path)) {}

  std::unique_ptr<void, int (*)(void*)> handle_;
  std::string path_;
};

}  // namespace berth::nvml
