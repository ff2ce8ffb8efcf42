#pragma once
#include <optional>
#include <string>

/** The bundle of `create` or `run` on a runc or crun command line; nothing for every other command. */
std::optional<std::string> bundle_to_edit(int argc, char** argv);
