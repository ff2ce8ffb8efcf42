// libFuzzer's entry point: whatever the text, a plan that is accepted keeps the promises that the rest of the hook builds on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "failure.hpp"
#include "input.hpp"

namespace {

/** Relative, and no part of it climbs. */
void must_stay_below(const std::string& path) {
  const std::string whole = "/" + path + "/";
  for (const char* bad : {"//", "/./", "/../"})
    if (whole.find(bad) != std::string::npos) std::abort();
  if (path.empty() || path.find('\0') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const Plan plan = parse_plan(std::string(reinterpret_cast<const char*>(data), size), "plan");
    must_stay_below(plan.driver_folder);
    for (const auto& node : plan.nodes) must_stay_below(node.name);
    for (const auto& mount : plan.mounts) must_stay_below(mount.path);
    for (const auto& mount : plan.run_mounts)
      if (must_stay_below(mount.path), mount.path.compare(0, 4, "run/") != 0) std::abort();
    for (const auto& path : plan.proc_shown) must_stay_below(path);
    for (const auto& link : plan.symlinks) {
      must_stay_below(link.path);
      if (link.target.find('/') != std::string::npos) std::abort();
    }
  } catch (const Failure&) {
  }
  return 0;
}
