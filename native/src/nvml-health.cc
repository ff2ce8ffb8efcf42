#include <vector>

#include "nvml-device.h"

namespace berth::nvml {
namespace {

Json eccErrors(Handle& gpu, int kind, int since) {
  unsigned long long count = 0;
  return gpu.ask(kDeviceEccErrors, "nvmlDeviceGetTotalEccErrors", kind, since, &count) ? Json(count) : Json();
}

Json processesOf(Handle& gpu) {
  // The list may grow between the two calls; a third try is enough for any machine that is not mad.
  std::vector<Process> list(16);
  for (int attempt = 0; attempt < 3; attempt++) {
    auto count = static_cast<unsigned>(list.size());
    const Result result = gpu.library().call(kDeviceProcesses, "nvmlDeviceGetComputeRunningProcesses_v3", gpu.device(), &count, list.data());
    if (result == kInsufficientSize) {
      list.resize(count + 16);
      continue;
    }
    if (result != kSuccess) return nullptr;
    Json processes = Json::array();
    for (unsigned i = 0; i < count && i < list.size(); i++) {
      const Process& process = list[i];
      processes.push_back({{"pid", process.pid},
                           {"usedBytes", process.usedBytes == kNoValue ? Json() : Json(process.usedBytes)},
                           {"gpuInstance", instanceOrNull(process.gpuInstance)},
                           {"computeInstance", instanceOrNull(process.computeInstance)}});
    }
    return processes;
  }
  return nullptr;
}

}  // namespace

void addHealth(Handle& gpu, Json& json) {
  int current = 0;
  int pending = 0;
  if (gpu.ask(kDeviceTwoInt, "nvmlDeviceGetEccMode", &current, &pending)) {
    json["ecc"] = {{"enabled", current != 0},
                   {"correctable", eccErrors(gpu, kCorrected, kSinceDriverLoad)},
                   {"uncorrectable", eccErrors(gpu, kUncorrected, kSinceDriverLoad)},
                   {"uncorrectableEver", eccErrors(gpu, kUncorrected, kSinceMade)}};
  } else {
    json["ecc"] = nullptr;
  }
  unsigned corrected = 0, uncorrected = 0, waiting = 0, failed = 0;
  if (gpu.ask(kDeviceRemappedRows, "nvmlDeviceGetRemappedRows", &corrected, &uncorrected, &waiting, &failed)) {
    json["remappedRows"] = {{"correctable", corrected}, {"uncorrectable", uncorrected}, {"pending", waiting != 0}, {"failure", failed != 0}};
  } else {
    json["remappedRows"] = nullptr;
  }
}

/// Null when the driver does not say.
void addProcesses(Handle& gpu, Json& json) { json["processes"] = processesOf(gpu); }

}  // namespace berth::nvml
