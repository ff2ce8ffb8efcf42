#include "fake.h"

enum { LEVEL_INTERNAL = 0, LEVEL_SYSTEM = 50, REMOTE_GPU = 0, REMOTE_SWITCH = 2, SWITCH_BUS = 0xC0 };

static nvmlReturn_t check_link(nvmlDevice_t device, unsigned link, const void *out) {
    nvmlReturn_t result = fake_check(device, out);
    if (result != NVML_SUCCESS) return result;
    if (link >= NVML_NVLINK_MAX_LINKS) return NVML_ERROR_INVALID_ARGUMENT;
    return link < (unsigned)device->link_count ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned link, int *active) {
    nvmlReturn_t result = check_link(device, link, active);
    if (result == NVML_SUCCESS) *active = device->links[link] != LINK_DOWN;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t device, unsigned link, int *type) {
    nvmlReturn_t result = check_link(device, link, type);
    if (result == NVML_SUCCESS) *type = device->links[link] == LINK_TO_SWITCH ? REMOTE_SWITCH : REMOTE_GPU;
    return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned link, nvmlPciInfo_t *out) {
    nvmlReturn_t result = check_link(device, link, out);
    if (result != NVML_SUCCESS) return result;
    int peer = device->links[link];
    if (peer == LINK_DOWN) return NVML_ERROR_NOT_SUPPORTED;
    fake_pci(peer == LINK_TO_SWITCH ? SWITCH_BUS : fake_bus(peer), out);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t one, nvmlDevice_t other, int *level) {
    nvmlReturn_t result = fake_check(one, level);
    if (result == NVML_SUCCESS) result = fake_check(other, level);
    if (result != NVML_SUCCESS) return result;
    int said = fake_config.topology[one->minor][other->minor];
    *level = one == other ? LEVEL_INTERNAL : said ? said : LEVEL_SYSTEM;
    return NVML_SUCCESS;
}
