#include "nvml.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

struct fake_config fake_config;
static struct fake_config fresh;
static int users;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int fake_ready(void) { return users > 0; }

/* As the real library: which GPUs there are is decided at the first nvmlInit; their state is always the newest. */
static void refresh(void) {
    fake_config_load(&fresh);
    if (users == 0) {
        fake_config = fresh;
        for (int i = 0; i < fake_config.visible; i++)
            for (int m = 0; m < fake_config.mig_count[i]; m++) fake_config.migs[i][m].parent = &fake_config.gpus[i];
        return;
    }
    fake_config.wait_hang_seconds = fresh.wait_hang_seconds;
    for (int i = 0; i < fake_config.visible; i++) {
        struct fake_gpu *gpu = &fake_config.gpus[i];
        for (int j = 0; j < fresh.visible; j++) {
            if (fresh.gpus[j].minor != gpu->minor) continue;
            memcpy(fresh.gpus[j].uuid, gpu->uuid, sizeof gpu->uuid);
            *gpu = fresh.gpus[j];
            memcpy(fake_config.migs[i], fresh.migs[j], sizeof fake_config.migs[i]);
            fake_config.mig_count[i] = fresh.mig_count[j];
            for (int m = 0; m < fake_config.mig_count[i]; m++) fake_config.migs[i][m].parent = gpu;
        }
    }
}

void fake_refresh(void) {
    pthread_mutex_lock(&lock);
    refresh();
    pthread_mutex_unlock(&lock);
}

EXPORT nvmlReturn_t nvmlInit_v2(void) {
    pthread_mutex_lock(&lock);
    refresh();
    int hang = fresh.hang_seconds, no_driver = fresh.no_driver;
    if (!no_driver) users++;
    pthread_mutex_unlock(&lock);
    if (hang > 0) sleep((unsigned)hang);
    return no_driver ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return nvmlInit_v2();
}

EXPORT nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    int before = users;
    if (users > 0) users--;
    pthread_mutex_unlock(&lock);
    return before == 0 ? NVML_ERROR_UNINITIALIZED : NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
        case NVML_SUCCESS: return "Success";
        case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
        case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
        case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
        case NVML_ERROR_TIMEOUT: return "Timeout";
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
nvmlReturn_t fake_check(nvmlDevice_t device, const void *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
    return (device->parent ? device->parent : device)->lost ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned size) { return put(out, size, fake_config.driver); }

EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    char text[96];
    snprintf(text, sizeof text, "12.%s", fake_config.driver);
    return put(out, size, text);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = fake_config.cuda;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *out) { return nvmlSystemGetCudaDriverVersion_v2(out); }

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out) return NVML_ERROR_INVALID_ARGUMENT;
    *out = (unsigned)fake_config.visible;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!out || index >= (unsigned)fake_config.visible) return NVML_ERROR_INVALID_ARGUMENT;
    *out = &fake_config.gpus[index];
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!uuid || !out) return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < fake_config.visible; i++) {
        if (strcmp(fake_config.gpus[i].uuid, uuid) != 0) continue;
        *out = &fake_config.gpus[i];
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *out) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    if (!device || !out) return NVML_ERROR_INVALID_ARGUMENT;
    if (device->parent) return NVML_ERROR_INVALID_ARGUMENT;
    *out = (unsigned)(device - fake_config.gpus);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned size) {
    nvmlReturn_t result = fake_check(device, out);
    return result == NVML_SUCCESS ? put(out, size, device->uuid) : result;
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *out, unsigned size) {
    nvmlReturn_t result = fake_check(device, out);
    if (result != NVML_SUCCESS || !device->parent) return result == NVML_SUCCESS ? put(out, size, fake_config.model) : result;
    char text[160];
    snprintf(text, sizeof text, "%s MIG %s", fake_config.model, device->profile);
    return put(out, size, text);
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = (unsigned)device->minor;
    return result;
}

void fake_pci(unsigned bus, nvmlPciInfo_t *out) {
    *out = (nvmlPciInfo_t){.bus = bus, .pciDeviceId = 0x233010DE};
    snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "0000:%02X:00.0", bus & 0xff);
    snprintf(out->busId, sizeof out->busId, "00000000:%02X:00.0", bus & 0xff);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) fake_pci(fake_bus(device->parent ? device->parent->minor : device->minor), out);
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = (nvmlMemory_t){device->memory_bytes, device->memory_bytes - device->memory_used_bytes, device->memory_used_bytes};
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = 
        (nvmlMemory_v2_t){out->version, device->memory_bytes, 0, device->memory_bytes - device->memory_used_bytes, device->memory_used_bytes};
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major_out, int *minor_out) {
    nvmlReturn_t result = fake_check(device, major_out);
    if (result != NVML_SUCCESS || !minor_out) return result != NVML_SUCCESS ? result : NVML_ERROR_INVALID_ARGUMENT;
    *major_out = fake_config.capability_major;
    *minor_out = fake_config.capability_minor;
    return NVML_SUCCESS;
}
