/* CUDA driver API, as far as asking for devices goes. It computes nothing. */
#include <string.h>

#include "config.h"

#define EXPORT __attribute__((visibility("default")))

enum { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_VALUE = 1, CUDA_ERROR_NOT_INITIALIZED = 3, CUDA_ERROR_NO_DEVICE = 100, CUDA_ERROR_INVALID_DEVICE = 101 };

static struct fake_config config;
static int initialized;

EXPORT int cuInit(unsigned flags) {
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    fake_config_load(&config);
    initialized = 1;
    return config.visible > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

EXPORT int cuDriverGetVersion(int *out) {
    if (!initialized) fake_config_load(&config);
    *out = config.cuda;
    return CUDA_SUCCESS;
}

EXPORT int cuDeviceGetCount(int *out) {
    if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
    *out = config.visible;
    return CUDA_SUCCESS;
}

EXPORT int cuDeviceGet(int *out, int ordinal) {
    if (!initialized) return CUDA_ERROR_NOT_INITIALIZED;
    if (ordinal < 0 || ordinal >= config.visible) return CUDA_ERROR_INVALID_DEVICE;
    *out = ordinal;
    return CUDA_SUCCESS;
}

EXPORT int cuDeviceGetName(char *out, int size, int device) {
    if (device < 0 || device >= config.visible || size <= 0) return CUDA_ERROR_INVALID_DEVICE;
    strncpy(out, config.model, (size_t)size);
    out[size - 1] = 0;
    return CUDA_SUCCESS;
}
