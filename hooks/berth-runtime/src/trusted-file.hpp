#pragma once
#include <nlohmann/json.hpp>
#include <string>

struct TrustedFile {
  nlohmann::json value;
  std::string changed;  // modification time in nanoseconds: another text has another one
};

/** Reads a JSON object that decides over devices: only a regular file of our own that nobody else can write. Throws Failure. */
TrustedFile read_trusted_json(const std::string& path);

/** Puts `text` at `path` as a whole or not at all, with the mode. Throws Failure. */
void replace_file(const std::string& path, const std::string& text, mode_t mode);
