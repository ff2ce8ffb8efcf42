#include "nvml-query.h"

#include <vector>

#include "nvml-device.h"

namespace berth::nvml {
namespace {

std::vector<Device> findDevices(const Library& nvml, std::vector<std::optional<std::string>>& errors) {
  unsigned count = 0;
  nvml.must(nvml.call(kUnsigned, "nvmlDeviceGetCount_v2", &count), "nvmlDeviceGetCount_v2");
  std::vector<Device> devices(count, nullptr);
  for (unsigned index = 0; index < count; index++) {
    const Result found = nvml.call(kHandle, "nvmlDeviceGetHandleByIndex_v2", index, &devices[index]);
    errors.push_back(found == kSuccess ? std::nullopt : std::optional(nvml.errorText(found)));
    if (found != kSuccess) devices[index] = nullptr;
  }
  return devices;
}

using Part = void (*)(Handle&, Json&);

/// A GPU without a handle answers nothing to all parts: its fields are still there, empty.
Json readGpus(const Library& nvml, const std::vector<Device>& devices, const std::vector<std::optional<std::string>>& errors,
              const std::vector<Part>& parts) {
  Json gpus = Json::array();
  for (std::size_t index = 0; index < devices.size(); index++) {
    Handle gpu(nvml, devices[index]);
    Json json = {{"index", index}};
    for (const Part part : parts) part(gpu, json);
    const std::optional<std::string> error = errors[index] ? errors[index] : gpu.error();
    json["error"] = error ? Json(*error) : Json();
    gpus.push_back(std::move(json));
  }
  return gpus;
}

/// nvmlGpuTopologyLevel_t by index and index; null where NVML does not say.
Json readTopology(const Library& nvml, const std::vector<Device>& devices) {
  Json rows = Json::array();
  for (const Device& one : devices) {
    Json row = Json::array();
    for (const Device& other : devices) {
      int level = 0;
      const bool known = &one != &other && one != nullptr && other != nullptr &&
                         nvml.call(kTwoDevicesInt, "nvmlDeviceGetTopologyCommonAncestor", one, other, &level) == kSuccess;
      row.push_back(known ? Json(level) : Json());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::optional<std::string> queryReport(const std::string& library) {
  const std::optional<Library> nvml = Library::open(library);
  if (!nvml) return std::nullopt;
  char version[81] = "";
  nvml->call(kText, "nvmlSystemGetDriverVersion", version, static_cast<unsigned>(sizeof version - 1));
  int cuda = 0;
  const bool told = nvml->call(kInt, "nvmlSystemGetCudaDriverVersion_v2", &cuda) == kSuccess;
  std::vector<std::optional<std::string>> errors;
  const std::vector<Device> devices = findDevices(*nvml, errors);
  const Json gpus = readGpus(*nvml, devices, errors, {addIdentity, addTelemetry, addHealth, addProcesses, addLinks, addMig});
  return print({{"driverVersion", version},
                {"cudaVersion", told ? Json(std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10)) : Json()},
                {"gpus", gpus},
                {"topology", readTopology(*nvml, devices)}});
}

std::optional<std::string> querySamples(const std::string& library) {
  const std::optional<Library> nvml = Library::open(library);
  if (!nvml) return std::nullopt;
  std::vector<std::optional<std::string>> errors;
  const std::vector<Device> devices = findDevices(*nvml, errors);
  const auto uuid = [](Handle& gpu, Json& json) { json["uuid"] = gpu.text("nvmlDeviceGetUUID"); };
  return print(readGpus(*nvml, devices, errors, {uuid, addTelemetry, addProcesses}));
}

}  // namespace berth::nvml
