#include "fake.h"

enum { CLOCK_MEMORY = 2 };

EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = clock == CLOCK_MEMORY ? 2619 : 345;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = 700000;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = 123456789;
    return result;
}

/* Two processes of the same pid on two MIG devices do not occur here: the configuration names whole GPUs. */
EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *out) {
    nvmlReturn_t result = fake_check(device, count);
    if (result != NVML_SUCCESS) return result;
    unsigned room = *count;
    *count = (unsigned)device->process_count;
    if (room < *count) return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++)
        out[i] = (nvmlProcessInfo_t){device->processes[i].pid, device->processes[i].used_bytes, 0xffffffffu, 0xffffffffu};
    return NVML_SUCCESS;
}
