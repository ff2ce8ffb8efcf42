#pragma once
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

/** Why the hook refuses or cannot go on: one line, lower case, with the path or value. */
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** A failed system call: "mknodat /dev/nvidia0: Operation not permitted". Reads errno first. */
[[noreturn]] inline void fail_errno(const char* call, const std::string& path) {
  const int error = errno;
  throw Failure(std::string(call) + " " + path + ": " + std::strerror(error));
}
