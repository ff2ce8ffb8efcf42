#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

/** Everything `fd` gives, at most `limit` bytes. `name` is for the error. Throws Failure. */
std::string read_all(int fd, std::size_t limit, const std::string& name);

/** Parses untrusted-size text; a parse error becomes a Failure naming `name`. */
nlohmann::json parse_json(const std::string& text, const std::string& name);
