#pragma once

#include <napi.h>

#include <exception>
#include <string>

namespace berth {

/// What a call reports when it fails; becomes a JS Error with `code`, `errno`, `syscall` and `path`, as Node's own do.
struct Failure : std::exception {
  Failure(std::string code, int number, std::string syscall, std::string path, std::string text);

  const char* what() const noexcept override { return message.c_str(); }

  std::string code;
  /// errno, positive; 0 when the failure is not the kernel's.
  int number;
  std::string syscall;
  std::string path;
  std::string message;
};

/// From an errno value. `detail` is added to the text (overlayfs tells its reasons apart from errno).
Failure systemFailure(int number, const std::string& syscall, const std::string& path, const std::string& detail = "");

Napi::Error toJsError(Napi::Env env, const Failure& failure);

}  // namespace berth
