#include "fake.h"

static nvmlReturn_t value(nvmlDevice_t device, unsigned *out, unsigned answer) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = answer;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result != NVML_SUCCESS) return result;
    if (device->parent || device->mig_enabled) return NVML_ERROR_NOT_SUPPORTED;
    *out = (nvmlUtilization_t){device->utilization, device->utilization / 2};
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *out) {
    (void)sensor;
    return value(device, out, 31);
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *out) { return value(device, out, 68000); }
