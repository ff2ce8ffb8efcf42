#include "fake.h"

enum { UNCORRECTED = 1 };

EXPORT nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, int *current, int *pending) {
    nvmlReturn_t result = fake_check(device, current);
    if (result == NVML_SUCCESS) *current = *pending = !device->ecc_off;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, int type, int counter, unsigned long long *out) {
    nvmlReturn_t result = fake_check(device, out);
    (void)counter;
    if (result != NVML_SUCCESS) return result;
    if (device->ecc_off) return NVML_ERROR_NOT_SUPPORTED;
    *out = type == UNCORRECTED ? device->ecc_uncorrected : 0;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failure) {
    nvmlReturn_t result = fake_check(device, corrected);
    if (result != NVML_SUCCESS) return result;
    *corrected = 0;
    *uncorrected = device->remap_pending || device->remap_failure ? 1 : 0;
    *pending = (unsigned)device->remap_pending;
    *failure = (unsigned)device->remap_failure;
    return NVML_SUCCESS;
}
