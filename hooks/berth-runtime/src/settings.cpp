#include "settings.hpp"

#include "failure.hpp"
#include "trusted-file.hpp"

Settings read_settings(const std::string& path) {
  const nlohmann::json value = read_trusted_json(path).value;
  try {
    return {value.at("runtime").get<std::string>(), value.at("hook").get<std::string>(), value.at("state").get<std::string>(),
            value.at("plans").get<std::string>(), value.value("refresh", std::vector<std::string>())};
  } catch (const nlohmann::json::exception& error) {
    throw Failure(path + ": " + error.what());
  }
}
