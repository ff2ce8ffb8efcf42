#include <cmath>
#include <cstring>

#include "nvml-device.h"

namespace berth::nvml {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
constexpr double kMiB = 1024.0 * 1024.0;

Json linkPeer(Handle& gpu, unsigned link) {
  PciInfo pci{};
  if (gpu.library().call(kDeviceLinkPci, "nvmlDeviceGetNvLinkRemotePciInfo_v2", gpu.device(), link, &pci) != kSuccess) return nullptr;
  int type = -1;
  // Drivers before 495 lack it: then it is not known what the other end is.
  gpu.library().call(kDeviceLinkInt, "nvmlDeviceGetNvLinkRemoteDeviceType", gpu.device(), link, &type);
  const char* kind = type == kRemoteGpu ? "gpu" : type == kRemoteSwitch ? "switch" : "other";
  return {{"link", link}, {"kind", kind}, {"pciBusId", std::string(pci.busId, strnlen(pci.busId, sizeof pci.busId))}};
}

/// nvidia-smi's name: compute slices, GPU slices, and the memory as the GPU's nominal memory in eighths.
std::string profileOf(const Attributes& attributes, double totalBytes) {
  const double eighths = totalBytes == 0 ? 0 : std::ceil(static_cast<double>(attributes.memoryMiB) * kMiB / totalBytes * 8) / 8;
  const auto gigabytes = static_cast<long>(std::round(eighths * std::ceil(totalBytes / kGiB)));
  const std::string whole = std::to_string(attributes.gpuSlices) + "g." + std::to_string(gigabytes) + "gb";
  return attributes.computeSlices == attributes.gpuSlices ? whole : std::to_string(attributes.computeSlices) + "c." + whole;
}

/// Newer drivers end the name with "MIG 1g.10gb"; that also knows variants such as "1g.10gb+me".
std::string profileInName(const std::string& name) {
  const auto at = name.rfind(" MIG ");
  return at == std::string::npos ? "" : name.substr(at + 5);
}

Json migDevice(const Library& library, Device device, double parentBytes) {
  Handle mig(library, device);
  Attributes attributes{};
  mig.ask(kDeviceAttributes, "nvmlDeviceGetAttributes_v2", &attributes);
  const std::string named = profileInName(mig.text("nvmlDeviceGetName"));
  Memory memory{};
  mig.ask(kDeviceMemory, "nvmlDeviceGetMemoryInfo", &memory);
  Json json = {{"uuid", mig.text("nvmlDeviceGetUUID")},
               {"gpuInstance", mig.number("nvmlDeviceGetGpuInstanceId")},
               {"computeInstance", mig.number("nvmlDeviceGetComputeInstanceId")},
               {"profile", named.empty() ? profileOf(attributes, parentBytes) : named},
               {"memoryTotalBytes", memory.total},
               {"memoryUsedBytes", memory.used}};
  // An instance that is being taken apart right now answers half: it is not there.
  const bool whole = json["uuid"] != "" && json["gpuInstance"].is_number() && json["computeInstance"].is_number();
  return whole ? json : Json();
}

}  // namespace

void addLinks(Handle& gpu, Json& json) {
  Json links = Json::array();
  for (unsigned link = 0; link < kMaxLinks; link++) {
    int active = 0;
    // Past its last link a GPU answers with an error, which says nothing about its health.
    if (gpu.library().call(kDeviceLinkInt, "nvmlDeviceGetNvLinkState", gpu.device(), link, &active) != kSuccess || active == 0) continue;
    Json peer = linkPeer(gpu, link);
    if (!peer.is_null()) links.push_back(std::move(peer));
  }
  json["nvlinks"] = std::move(links);
}

void addMig(Handle& gpu, Json& json) {
  unsigned current = 0, pending = 0, most = 0;
  if (!gpu.ask(kDeviceTwoUnsigned, "nvmlDeviceGetMigMode", &current, &pending)) {
    json["mig"] = nullptr;
    return;
  }
  Json devices = Json::array();
  if (current != 0) gpu.ask(kDeviceUnsigned, "nvmlDeviceGetMaxMigDeviceCount", &most);
  for (unsigned index = 0; index < most; index++) {
    Device device = nullptr;
    if (gpu.library().call(kDeviceChild, "nvmlDeviceGetMigDeviceHandleByIndex", gpu.device(), index, &device) != kSuccess) continue;
    Json mig = migDevice(gpu.library(), device, json.value("memoryTotalBytes", 0.0));
    if (!mig.is_null()) devices.push_back(std::move(mig));
  }
  json["mig"] = {{"enabled", current != 0}, {"pending", pending != 0}, {"devices", std::move(devices)}};
}

}  // namespace berth::nvml
