#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace berth::nvml {

/// Waits for XID events of every GPU until `stopped`, in rounds of at most half a second. `tell` gets NvmlMessage
/// (src/node/platform/native.ts) as JSON: one "listening", any number of "xid", one "end".
void watchXids(const std::string& library, const std::atomic<bool>& stopped, const std::function<void(const std::string&)>& tell);

}  // namespace berth::nvml
