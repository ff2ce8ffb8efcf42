#include "nvml.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define EXPORT __attribute__((visibility("default")))

static struct fake_config config;
static int users;

EXPORT nvmlReturn_t nvmlInit_v2(void) {
    if (users == 0) fake_config_load(&config);
    if (config.hang_seconds > 0) sleep((unsigned)config.hang_seconds);
    if (config.no_driver) return NVML_ERROR_DRIVER_NOT_LOADED;
    users++;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return nvmlInit_v2();
}

EXPORT nvmlReturn_t nvmlShutdown(void) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    users--;
    return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
        case NVML_SUCCESS: return "Success";
        case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
        case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
        case NVML_ERROR_NOT_FOUND: return "Not Found";
        case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
        case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
        case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
        default: return "Unknown Error";
    }
}

static nvmlReturn_t put(char *out, unsigned size, const char *text) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= size) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(out, text);
    return NVML_SUCCESS;
}

/* As on real machines: a lost GPU still has a handle and an index, everything else answers "GPU is lost". */
static nvmlReturn_t check(nvmlDevice_t device, const void *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
    return device->lost ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned size) { return put(out, size, config.driver); }

EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    char text[96];
    snprintf(text, sizeof text, "12.%s", config.driver);
    return put(out, size, text);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = config.cuda;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *out) { return nvmlSystemGetCudaDriverVersion_v2(out); }

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = (unsigned)config.visible;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out || index >= (unsigned)config.visible) return NVML_ERROR_INVALID_ARGUMENT;
    *out = &config.gpus[index];
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!uuid || !out) return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < config.visible; i++) {
        if (strcmp(config.gpus[i].uuid, uuid) != 0) continue;
        *out = &config.gpus[i];
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = (unsigned)(device - config.gpus);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned size) {
    nvmlReturn_t result = check(device, out);
    return result == NVML_SUCCESS ? put(out, size, device->uuid) : result;
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *out, unsigned size) {
    nvmlReturn_t result = check(device, out);
    return result == NVML_SUCCESS ? put(out, size, config.model) : result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = check(device, out);
    if (result == NVML_SUCCESS) *out = (unsigned)device->minor;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *out) {
    nvmlReturn_t result = check(device, out);
    if (result != NVML_SUCCESS) return result;
    unsigned bus = 0x10u + (unsigned)device->minor;
    *out = (nvmlPciInfo_t){.bus = bus, .pciDeviceId = 0x233010DE};
    snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "0000:%02X:00.0", bus & 0xff);
    snprintf(out->busId, sizeof out->busId, "00000000:%02X:00.0", bus & 0xff);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *out) {
    nvmlReturn_t result = check(device, out);
    if (result == NVML_SUCCESS) *out = (nvmlMemory_t){config.memory_bytes, config.memory_bytes, 0};
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *out) {
    nvmlReturn_t result = check(device, out);
    if (result == NVML_SUCCESS) *out = (nvmlMemory_v2_t){out->version, config.memory_bytes, 0, config.memory_bytes, 0};
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major_out, int *minor_out) {
    nvmlReturn_t result = check(device, major_out);
    if (result != NVML_SUCCESS || !minor_out) return result != NVML_SUCCESS ? result : NVML_ERROR_INVALID_ARGUMENT;
    *major_out = config.capability_major;
    *minor_out = config.capability_minor;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *out) {
    nvmlReturn_t result = check(device, out);
    if (result == NVML_SUCCESS) *out = (nvmlUtilization_t){0, 0};
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *out) {
    nvmlReturn_t result = check(device, out);
    (void)sensor;
    if (result == NVML_SUCCESS) *out = 31;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = check(device, out);
    if (result == NVML_SUCCESS) *out = 68000;
    return result;
}
