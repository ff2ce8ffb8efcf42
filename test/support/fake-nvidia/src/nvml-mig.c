#include "fake.h"

EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
    nvmlReturn_t result = fake_check(device, current);
    if (result == NVML_SUCCESS) *current = *pending = (unsigned)device->mig_enabled;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = device->parent != NULL;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = MAX_MIG - 1;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result != NVML_SUCCESS) return result;
    int gpu = (int)(device - fake_config.gpus);
    if (index >= (unsigned)fake_config.mig_count[gpu] || !fake_config.migs[gpu][index].profile[0]) return NVML_ERROR_NOT_FOUND;
    *out = &fake_config.migs[gpu][index];
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *out) {
    nvmlReturn_t result = fake_check(mig, out);
    if (result != NVML_SUCCESS) return result;
    *out = mig->parent;
    return mig->parent ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlReturn_t instance(nvmlDevice_t mig, unsigned *out, unsigned id) {
    nvmlReturn_t result = fake_check(mig, out);
    if (result != NVML_SUCCESS) return result;
    *out = id;
    return mig->parent ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t mig, unsigned *out) { return instance(mig, out, mig->gpu_instance); }

EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t mig, unsigned *out) { return instance(mig, out, mig->compute_instance); }

EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t mig, nvmlDeviceAttributes_t *out) {
    nvmlReturn_t result = fake_check(mig, out);
    if (result != NVML_SUCCESS) return result;
    if (!mig->parent) return NVML_ERROR_NOT_SUPPORTED;
    *out = (nvmlDeviceAttributes_t){.gpuInstanceSliceCount = mig->gpu_slices,
                                    .computeInstanceSliceCount = mig->compute_slices,
                                    .memorySizeMB = mig->memory_bytes >> 20};
    return NVML_SUCCESS;
}
