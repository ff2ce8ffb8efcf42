#pragma once
#include <string>
#include <vector>

/** Every path below a folder, sorted; none where there is no folder. Links are not followed. */
std::vector<std::string> names_below(const std::string& folder);
