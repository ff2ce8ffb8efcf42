#include "nvml-device.h"

#include <cstring>

namespace berth::nvml {

/// The first failure is kept: it is the one that tells why.
bool Handle::succeeded(Result result, bool needed) {
  if (result == kSuccess) return true;
  const bool absent = result == kNotSupported || result == kFunctionNotFound;
  const bool fatal = result == kGpuIsLost || result == kResetRequired || (needed && !absent);
  if (fatal && !error_) error_ = library_.errorText(result);
  return false;
}

Json Handle::number(const char* symbol) {
  unsigned value = 0;
  return ask(kDeviceUnsigned, symbol, &value) ? Json(value) : Json();
}

std::string Handle::text(const char* symbol) {
  char text[128] = "";
  return must(kDeviceText, symbol, text, static_cast<unsigned>(sizeof text - 1)) ? text : "";
}

void addIdentity(Handle& gpu, Json& json) {
  json["uuid"] = gpu.text("nvmlDeviceGetUUID");
  json["name"] = gpu.text("nvmlDeviceGetName");
  unsigned minor = 0;
  json["minor"] = gpu.must(kDeviceUnsigned, "nvmlDeviceGetMinorNumber", &minor) ? static_cast<int>(minor) : -1;
  PciInfo pci{};
  gpu.must(kDevicePci, "nvmlDeviceGetPciInfo_v3", &pci);
  json["pciBusId"] = std::string(pci.busId, strnlen(pci.busId, sizeof pci.busId));
  int high = 0;
  int low = 0;
  const bool told = gpu.ask(kDeviceTwoInt, "nvmlDeviceGetCudaComputeCapability", &high, &low);
  json["computeCapability"] = told ? Json(std::to_string(high) + "." + std::to_string(low)) : Json();
}

void addTelemetry(Handle& gpu, Json& json) {
  Memory memory{};
  gpu.must(kDeviceMemory, "nvmlDeviceGetMemoryInfo", &memory);
  json["memoryTotalBytes"] = memory.total;
  json["memoryUsedBytes"] = memory.used;
  Utilization utilization{};
  const bool busy = gpu.ask(kDeviceUtilization, "nvmlDeviceGetUtilizationRates", &utilization);
  json["utilizationPercent"] = busy ? Json(utilization.gpu) : Json();
  json["memoryUtilizationPercent"] = busy ? Json(utilization.memory) : Json();
  unsigned value = 0;
  json["temperatureCelsius"] = gpu.ask(kDeviceTemperature, "nvmlDeviceGetTemperature", kTemperatureOfGpu, &value) ? Json(value) : Json();
  json["powerMilliwatts"] = gpu.number("nvmlDeviceGetPowerUsage");
  json["powerLimitMilliwatts"] = gpu.number("nvmlDeviceGetEnforcedPowerLimit");
  json["smClockMhz"] = gpu.ask(kDeviceClock, "nvmlDeviceGetClockInfo", kClockSm, &value) ? Json(value) : Json();
  json["memoryClockMhz"] = gpu.ask(kDeviceClock, "nvmlDeviceGetClockInfo", kClockMemory, &value) ? Json(value) : Json();
  unsigned long long energy = 0;
  json["energyMillijoules"] = gpu.ask(kDeviceLong, "nvmlDeviceGetTotalEnergyConsumption", &energy) ? Json(energy) : Json();
  json["pcieReplays"] = gpu.number("nvmlDeviceGetPcieReplayCounter");
}

}  // namespace berth::nvml
