#include "nvml-query.h"

#include <dlfcn.h>

#include <cstring>
#include <memory>

#include "failure.h"

namespace berth {
namespace {

// The part of nvml.h (NVIDIA driver API, stable by its versioned symbols) that is used here.
using Device = void*;
using Result = int;
constexpr Result kSuccess = 0;
constexpr Result kNotSupported = 3;
constexpr Result kDriverNotLoaded = 9;
constexpr Result kLibraryNotFound = 12;
constexpr Result kFunctionNotFound = 13;
constexpr unsigned kTemperatureOfGpu = 0;

struct PciInfo {
  char busIdLegacy[16];
  unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
};
struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};

class Library {
 public:
  explicit Library(void* handle) : handle_(handle, dlclose) {}

  /// A symbol this driver's NVML lacks answers as NVML itself would: NVML_ERROR_FUNCTION_NOT_FOUND.
  template <typename... Parameters, typename... Arguments>
  Result call(Result (*)(Parameters...), const char* symbol, Arguments... arguments) const {
    const auto function = reinterpret_cast<Result (*)(Parameters...)>(dlsym(handle_.get(), symbol));
    return function == nullptr ? kFunctionNotFound : function(arguments...);
  }

  std::string errorText(Result result) const {
    const auto function = reinterpret_cast<const char* (*)(Result)>(dlsym(handle_.get(), "nvmlErrorString"));
    const char* text = function == nullptr ? nullptr : function(result);
    return text == nullptr ? "NVML error " + std::to_string(result) : text;
  }

 private:
  // Closed after every query, so that an upgraded driver's library is the next one loaded.
  std::unique_ptr<void, int (*)(void*)> handle_;
};

// Signatures, named as in nvml.h.
Result (*const kNoArguments)() = nullptr;
Result (*const kText)(char*, unsigned) = nullptr;
Result (*const kInt)(int*) = nullptr;
Result (*const kUnsigned)(unsigned*) = nullptr;
Result (*const kHandle)(unsigned, Device*) = nullptr;
Result (*const kDeviceText)(Device, char*, unsigned) = nullptr;
Result (*const kDeviceUnsigned)(Device, unsigned*) = nullptr;
Result (*const kDevicePci)(Device, PciInfo*) = nullptr;
Result (*const kDeviceMemory)(Device, Memory*) = nullptr;
Result (*const kDeviceCapability)(Device, int*, int*) = nullptr;
Result (*const kDeviceUtilization)(Device, Utilization*) = nullptr;
Result (*const kDeviceTemperature)(Device, unsigned, unsigned*) = nullptr;

bool isAbsent(Result result) { return result == kNotSupported || result == kFunctionNotFound; }

/// Remembers the first failure that says something is wrong with the device, not merely that it lacks a feature.
bool succeeded(const Library& nvml, Result result, GpuFacts& gpu) {
  if (result != kSuccess && !isAbsent(result) && !gpu.error) gpu.error = nvml.errorText(result);
  return result == kSuccess;
}

void readIdentity(const Library& nvml, Device device, GpuFacts& gpu) {
  char text[96] = "";
  if (succeeded(nvml, nvml.call(kDeviceText, "nvmlDeviceGetUUID", device, text, sizeof text - 1), gpu)) gpu.uuid = text;
  char name[96] = "";
  if (succeeded(nvml, nvml.call(kDeviceText, "nvmlDeviceGetName", device, name, sizeof name - 1), gpu)) gpu.name = name;
  unsigned minor = 0;
  if (succeeded(nvml, nvml.call(kDeviceUnsigned, "nvmlDeviceGetMinorNumber", device, &minor), gpu)) gpu.minor = static_cast<int>(minor);
  PciInfo pci{};
  if (succeeded(nvml, nvml.call(kDevicePci, "nvmlDeviceGetPciInfo_v3", device, &pci), gpu)) {
    gpu.pciBusId.assign(pci.busId, strnlen(pci.busId, sizeof pci.busId));
  }
  int high = 0;
  int low = 0;
  if (nvml.call(kDeviceCapability, "nvmlDeviceGetCudaComputeCapability", device, &high, &low) == kSuccess) {
    gpu.computeCapability = std::to_string(high) + "." + std::to_string(low);
  }
}

void readState(const Library& nvml, Device device, GpuFacts& gpu) {
  Memory memory{};
  if (succeeded(nvml, nvml.call(kDeviceMemory, "nvmlDeviceGetMemoryInfo", device, &memory), gpu)) {
    gpu.memoryTotalBytes = static_cast<double>(memory.total);
    gpu.memoryUsedBytes = static_cast<double>(memory.used);
  }
  Utilization utilization{};
  if (nvml.call(kDeviceUtilization, "nvmlDeviceGetUtilizationRates", device, &utilization) == kSuccess) {
    gpu.utilizationPercent = utilization.gpu;
  }
  unsigned value = 0;
  if (nvml.call(kDeviceTemperature, "nvmlDeviceGetTemperature", device, kTemperatureOfGpu, &value) == kSuccess) {
    gpu.temperatureCelsius = value;
  }
  if (nvml.call(kDeviceUnsigned, "nvmlDeviceGetPowerUsage", device, &value) == kSuccess) gpu.powerMilliwatts = value;
}

GpuFacts readGpu(const Library& nvml, unsigned index) {
  GpuFacts gpu;
  gpu.index = index;
  Device device = nullptr;
  const Result found = nvml.call(kHandle, "nvmlDeviceGetHandleByIndex_v2", index, &device);
  if (found != kSuccess) {
    gpu.error = nvml.errorText(found);
    return gpu;
  }
  readIdentity(nvml, device, gpu);
  readState(nvml, device, gpu);
  return gpu;
}

NvmlFacts readAll(const Library& nvml, const std::string& library) {
  NvmlFacts facts;
  char version[81] = "";
  if (nvml.call(kText, "nvmlSystemGetDriverVersion", version, sizeof version - 1) == kSuccess) facts.driverVersion = version;
  int cuda = 0;
  if (nvml.call(kInt, "nvmlSystemGetCudaDriverVersion_v2", &cuda) == kSuccess) {
    facts.cudaVersion = std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
  }
  unsigned count = 0;
  const Result counted = nvml.call(kUnsigned, "nvmlDeviceGetCount_v2", &count);
  if (counted != kSuccess) {
    throw Failure("NVML_" + std::to_string(counted), 0, "nvmlDeviceGetCount_v2", library, nvml.errorText(counted));
  }
  for (unsigned index = 0; index < count; index++) facts.gpus.push_back(readGpu(nvml, index));
  return facts;
}

}  // namespace

std::optional<NvmlFacts> queryNvml(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const std::string why = dlerror();
    // Only the library itself may be missing; one that lacks a dependency of its own is a broken installation.
    const bool absent = why.rfind(library + ":", 0) == 0 && why.find("No such file or directory") != std::string::npos;
    if (absent) return std::nullopt;
    throw Failure("ERR_DLOPEN_FAILED", 0, "dlopen", library, why);
  }
  const Library nvml(handle);
  const Result started = nvml.call(kNoArguments, "nvmlInit_v2");
  if (started == kDriverNotLoaded || started == kLibraryNotFound) return std::nullopt;
  if (started != kSuccess) {
    throw Failure("NVML_" + std::to_string(started), 0, "nvmlInit_v2", library, nvml.errorText(started));
  }
  struct Shutdown {
    const Library& nvml;
    ~Shutdown() { nvml.call(kNoArguments, "nvmlShutdown"); }
  } const shutdown{nvml};
  return readAll(nvml, library);
}

}  // namespace berth
