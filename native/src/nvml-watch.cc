#include "nvml-watch.h"

#include <cstring>
#include <map>

#include "failure.h"
#include "nvml-device.h"

namespace berth::nvml {
namespace {

constexpr unsigned kRoundMs = 500;

using Tell = std::function<void(const std::string&)>;

class Events {
 public:
  explicit Events(const Library& nvml) : nvml_(nvml) { nvml.must(nvml.call(kNewEventSet, "nvmlEventSetCreate", &set_), "nvmlEventSetCreate"); }
  ~Events() { nvml_.call(kEventSet, "nvmlEventSetFree", set_); }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// GPUs that cannot tell events, or are lost, are left out.
  void addAll() {
    unsigned count = 0;
    nvml_.must(nvml_.call(kUnsigned, "nvmlDeviceGetCount_v2", &count), "nvmlDeviceGetCount_v2");
    for (unsigned index = 0; index < count; index++) {
      Device device = nullptr;
      if (nvml_.call(kHandle, "nvmlDeviceGetHandleByIndex_v2", index, &device) != kSuccess) continue;
      if (nvml_.call(kRegisterEvents, "nvmlDeviceRegisterEvents", device, kEventXid, set_) != kSuccess) continue;
      Handle gpu(nvml_, device);
      uuids_[device] = gpu.text("nvmlDeviceGetUUID");
    }
  }

  std::size_t gpus() const { return uuids_.size(); }

  Result wait(Event& event) const {
    const Result result = nvml_.call(kWait, "nvmlEventSetWait_v2", set_, &event, kRoundMs);
    if (result != kFunctionNotFound) return result;
    // The older call leaves the instances alone.
    event.gpuInstance = event.computeInstance = kNoInstance;
    return nvml_.call(kWait, "nvmlEventSetWait", set_, &event, kRoundMs);
  }

  Json describe(const Event& event) const {
    const auto known = uuids_.find(event.device);
    return {{"kind", "xid"},
            {"uuid", known == uuids_.end() ? Json() : Json(known->second)},
            {"xid", event.data},
            {"gpuInstance", instanceOrNull(event.gpuInstance)},
            {"computeInstance", instanceOrNull(event.computeInstance)}};
  }

 private:
  const Library& nvml_;
  EventSet set_ = nullptr;
  std::map<Device, std::string> uuids_;
};

/// @returns why it ended; null when it was stopped
Json listen(const Library& nvml, const std::atomic<bool>& stopped, const Tell& tell) {
  Events events(nvml);
  events.addAll();
  if (events.gpus() == 0) return "no GPU tells events";
  tell(print({{"kind", "listening"}, {"gpus", events.gpus()}}));
  while (!stopped) {
    Event event{};
    const Result result = events.wait(event);
    if (result == kTimeout) continue;
    if (result != kSuccess) return nvml.errorText(result);
    if ((event.type & kEventXid) != 0) tell(print(events.describe(event)));
  }
  return nullptr;
}

}  // namespace

void watchXids(const std::string& library, const std::atomic<bool>& stopped, const Tell& tell) {
  Json why;
  try {
    const std::optional<Library> nvml = Library::open(library);
    why = nvml ? listen(*nvml, stopped, tell) : Json("no driver is loaded");
  } catch (const Failure& failure) {
    why = failure.message;
  }
  // Said when the library is closed, so that the caller may then open an upgraded one.
  tell(print({{"kind", "end"}, {"problem", why}}));
}

}  // namespace berth::nvml
