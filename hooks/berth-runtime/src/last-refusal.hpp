#pragma once
#include <string>

/**
 * Leaves the reason of a refused start where people find it: engines throw stderr away. In the system's log, and as
 * "last-refusal" beside the host state (/run/berth/last-refusal), one line with the time, for root alone. Never throws.
 */
void leave_refusal(const std::string& state_path, const std::string& reason) noexcept;

/** The same as the last line of runc's `--log FILE` in its JSON, from where containerd and Docker take what they show. Never throws. */
void log_refusal(int argc, char** argv, const std::string& reason) noexcept;
