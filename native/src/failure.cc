#include "failure.h"

#include <cstring>
#include <utility>

namespace berth {

Failure::Failure(std::string code, int number, std::string syscall, std::string path, std::string text)
    : code(std::move(code)), number(number), syscall(std::move(syscall)), path(std::move(path)) {
  message = this->code + ": " + text + ", " + this->syscall;
  if (!this->path.empty()) message += " '" + this->path + "'";
}

Failure systemFailure(int number, const std::string& syscall, const std::string& path, const std::string& detail) {
  const char* name = strerrorname_np(number);
  const char* description = strerrordesc_np(number);
  std::string text = description != nullptr ? description : "unknown error";
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  if (!detail.empty()) text += " (" + detail + ")";
  return Failure(name != nullptr ? name : "EUNKNOWN", number, syscall, path, text);
}

Napi::Error toJsError(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  Napi::Object object = error.Value();
  object.Set("code", failure.code);
  if (failure.number != 0) object.Set("errno", Napi::Number::New(env, -failure.number));
  object.Set("syscall", failure.syscall);
  if (!failure.path.empty()) object.Set("path", failure.path);
  return error;
}

}  // namespace berth
