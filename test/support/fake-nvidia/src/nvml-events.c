#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

enum { POLL_MS = 20 };

/* What the configuration lists when a GPU is registered is history; what is appended later is an event. */
struct fake_event_set {
    int registered[MAX_GPUS];
    int delivered[MAX_GPUS];
};

EXPORT nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *out) {
    if (!fake_ready()) return NVML_ERROR_UNINITIALIZED;
    *out = calloc(1, sizeof **out);
    return *out ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

EXPORT nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    free(set);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result == NVML_SUCCESS) *out = NVML_EVENT_XID;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
    nvmlReturn_t result = fake_check(device, set);
    if (result != NVML_SUCCESS) return result;
    if (device->parent || types != NVML_EVENT_XID) return NVML_ERROR_NOT_SUPPORTED;
    set->registered[device->minor] = 1;
    set->delivered[device->minor] = device->xid_count;
    return NVML_SUCCESS;
}

static int take(nvmlEventSet_t set, nvmlEventData_t *out) {
    for (int i = 0; i < fake_config.visible; i++) {
        nvmlDevice_t gpu = &fake_config.gpus[i];
        if (!set->registered[gpu->minor] || set->delivered[gpu->minor] >= gpu->xid_count) continue;
        unsigned long long xid = (unsigned long long)gpu->xids[set->delivered[gpu->minor]++];
        *out = (nvmlEventData_t){gpu, NVML_EVENT_XID, xid, 0xffffffffu, 0xffffffffu};
        return 1;
    }
    return 0;
}

EXPORT nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *out, unsigned timeout_ms) {
    if (!fake_ready()) return NVML_ERROR_UNINITIALIZED;
    if (fake_config.wait_hang_seconds > 0) sleep((unsigned)fake_config.wait_hang_seconds);
    for (unsigned waited = 0;; waited += POLL_MS) {
        fake_refresh();
        if (take(set, out)) return NVML_SUCCESS;
        if (waited >= timeout_ms) return NVML_ERROR_TIMEOUT;
        nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
}
