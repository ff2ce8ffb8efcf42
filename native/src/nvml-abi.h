#pragma once

// The part of nvml.h (NVIDIA driver API, stable by its versioned symbols) that is used here; names shortened.
namespace berth::nvml {

using Device = void*;
using EventSet = void*;
using Result = int;
constexpr Result kSuccess = 0;
constexpr Result kNotSupported = 3;
constexpr Result kInsufficientSize = 7;
constexpr Result kDriverNotLoaded = 9;
constexpr Result kTimeout = 10;
constexpr Result kLibraryNotFound = 12;
constexpr Result kFunctionNotFound = 13;
constexpr Result kGpuIsLost = 15;
constexpr Result kResetRequired = 16;

constexpr unsigned kTemperatureOfGpu = 0;
constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;
constexpr int kCorrected = 0;
constexpr int kUncorrected = 1;
constexpr int kSinceDriverLoad = 0;
constexpr int kSinceMade = 1;
constexpr unsigned kMaxLinks = 18;
constexpr int kRemoteGpu = 0;
constexpr int kRemoteSwitch = 2;
constexpr unsigned long long kEventXid = 8;
constexpr unsigned kNoInstance = 0xffffffffU;
constexpr unsigned long long kNoValue = ~0ULL;

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
struct Attributes {
  unsigned multiprocessors, copyEngines, decoders, encoders, jpegs, ofas;
  unsigned gpuSlices, computeSlices;
  unsigned long long memoryMiB;
};
struct Process {
  unsigned pid;
  unsigned long long usedBytes;
  unsigned gpuInstance, computeInstance;
};
struct Event {
  Device device;
  unsigned long long type, data;
  unsigned gpuInstance, computeInstance;
};

// Signatures, named by what follows the device.
inline constexpr Result (*kNoArguments)() = nullptr;
inline constexpr Result (*kText)(char*, unsigned) = nullptr;
inline constexpr Result (*kInt)(int*) = nullptr;
inline constexpr Result (*kUnsigned)(unsigned*) = nullptr;
inline constexpr Result (*kHandle)(unsigned, Device*) = nullptr;
inline constexpr Result (*kDeviceText)(Device, char*, unsigned) = nullptr;
inline constexpr Result (*kDeviceUnsigned)(Device, unsigned*) = nullptr;
inline constexpr Result (*kDeviceLong)(Device, unsigned long long*) = nullptr;
inline constexpr Result (*kDeviceTwoUnsigned)(Device, unsigned*, unsigned*) = nullptr;
inline constexpr Result (*kDeviceTwoInt)(Device, int*, int*) = nullptr;
inline constexpr Result (*kDevicePci)(Device, PciInfo*) = nullptr;
inline constexpr Result (*kDeviceMemory)(Device, Memory*) = nullptr;
inline constexpr Result (*kDeviceUtilization)(Device, Utilization*) = nullptr;
inline constexpr Result (*kDeviceTemperature)(Device, unsigned, unsigned*) = nullptr;
inline constexpr Result (*kDeviceClock)(Device, int, unsigned*) = nullptr;
inline constexpr Result (*kDeviceEccErrors)(Device, int, int, unsigned long long*) = nullptr;
inline constexpr Result (*kDeviceRemappedRows)(Device, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
inline constexpr Result (*kDeviceProcesses)(Device, unsigned*, Process*) = nullptr;
inline constexpr Result (*kDeviceLinkInt)(Device, unsigned, int*) = nullptr;
inline constexpr Result (*kDeviceLinkPci)(Device, unsigned, PciInfo*) = nullptr;
inline constexpr Result (*kDeviceChild)(Device, unsigned, Device*) = nullptr;
inline constexpr Result (*kDeviceAttributes)(Device, Attributes*) = nullptr;
inline constexpr Result (*kTwoDevicesInt)(Device, Device, int*) = nullptr;
inline constexpr Result (*kNewEventSet)(EventSet*) = nullptr;
inline constexpr Result (*kEventSet)(EventSet) = nullptr;
inline constexpr Result (*kRegisterEvents)(Device, unsigned long long, EventSet) = nullptr;
inline constexpr Result (*kWait)(EventSet, Event*, unsigned) = nullptr;

}  // namespace berth::nvml
