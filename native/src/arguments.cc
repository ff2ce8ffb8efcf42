#include "arguments.h"

#include <cmath>

namespace berth {

std::string textArgument(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must not contain a NUL byte");
  }
  return text;
}

std::optional<std::string> optionalTextArgument(const Napi::Value& value, const char* name) {
  if (value.IsNull() || value.IsUndefined()) return std::nullopt;
  return textArgument(value, name);
}

std::vector<std::string> textsArgument(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an array of strings");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  texts.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); i++) texts.push_back(textArgument(array.Get(i), name));
  return texts;
}

std::uint32_t unsignedArgument(const Napi::Value& value, const char* name, std::uint32_t maximum) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number <= maximum) || number != std::floor(number)) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must be an integer between 0 and " + std::to_string(maximum));
  }
  return static_cast<std::uint32_t>(number);
}

bool booleanArgument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Object objectArgument(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an object");
  return value.As<Napi::Object>();
}

}  // namespace berth
