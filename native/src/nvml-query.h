#pragma once

#include <optional>
#include <string>
#include <vector>

namespace berth {

struct GpuFacts {
  unsigned index = 0;
  std::string uuid;
  int minor = -1;
  std::string pciBusId;
  std::string name;
  double memoryTotalBytes = 0;
  double memoryUsedBytes = 0;
  std::optional<std::string> computeCapability;
  std::optional<std::string> error;
  std::optional<unsigned> utilizationPercent;
  std::optional<unsigned> temperatureCelsius;
  std::optional<unsigned> powerMilliwatts;
};

struct NvmlFacts {
  std::string driverVersion;
  std::optional<std::string> cudaVersion;
  std::vector<GpuFacts> gpus;
};

/// Empty when the library does not exist or says there is no driver. @throws Failure with NVML's own error text
std::optional<NvmlFacts> queryNvml(const std::string& library);

}  // namespace berth
