#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvml.h"

static void *library;

static void *symbol(const char *name) {
    void *found = dlsym(library, name);
    if (found) return found;
    fprintf(stderr, "NVIDIA-SMI couldn't find %s in the NVML library\n", name);
    exit(12);
}

#define CALL(type, name, ...) ((nvmlReturn_t(*) type)symbol(name))(__VA_ARGS__)

static void must(nvmlReturn_t result) {
    if (result == NVML_SUCCESS) return;
    const char *(*text)(nvmlReturn_t) = (const char *(*)(nvmlReturn_t))symbol("nvmlErrorString");
    fprintf(stderr, "NVIDIA-SMI has failed: %s\n", text(result));
    exit(result);
}

static void list(unsigned index, nvmlDevice_t device) {
    char name[96] = "", uuid[96] = "";
    nvmlReturn_t result = CALL((nvmlDevice_t, char *, unsigned), "nvmlDeviceGetName", device, name, sizeof name);
    if (result == NVML_SUCCESS) result = CALL((nvmlDevice_t, char *, unsigned), "nvmlDeviceGetUUID", device, uuid, sizeof uuid);
    if (result == NVML_SUCCESS) printf("GPU %u: %s (UUID: %s)\n", index, name, uuid);
    else printf("Unable to determine the device handle for gpu %u: GPU is lost.\n", index);
}

static void row(unsigned index, nvmlDevice_t device) {
    char name[96] = "GPU is lost";
    nvmlMemory_t memory = {0, 0, 0};
    nvmlPciInfo_t pci = {.busId = "?"};
    CALL((nvmlDevice_t, char *, unsigned), "nvmlDeviceGetName", device, name, sizeof name);
    CALL((nvmlDevice_t, nvmlMemory_t *), "nvmlDeviceGetMemoryInfo", device, &memory);
    CALL((nvmlDevice_t, nvmlPciInfo_t *), "nvmlDeviceGetPciInfo_v3", device, &pci);
    printf("| %3u  %-32.32s  %-18.18s | %7lluMiB / %7lluMiB |\n", index, name, pci.busId, memory.used >> 20, memory.total >> 20);
}

static void header(void) {
    char driver[96] = "";
    int cuda = 0;
    must(CALL((char *, unsigned), "nvmlSystemGetDriverVersion", driver, sizeof driver));
    must(CALL((int *), "nvmlSystemGetCudaDriverVersion_v2", &cuda));
    printf("+--------------------------------------------------------------------------------------------+\n");
    printf("| NVIDIA-SMI %-16s Driver Version: %-13s CUDA: %2d.%-2d  SIMULATED  |\n", driver, driver, cuda / 1000, cuda % 1000 / 10);
    printf("+--------------------------------------------------------------------------------------------+\n");
}

int main(int argc, char **argv) {
    int only_list = argc > 1 && (!strcmp(argv[1], "-L") || !strcmp(argv[1], "--list-gpus"));
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library) {
        printf("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the NVIDIA Display Driver is properly installed and present in your system.\n");
        return 12;
    }
    must(CALL((void), "nvmlInit_v2"));
    unsigned count = 0;
    must(CALL((unsigned *), "nvmlDeviceGetCount_v2", &count));
    if (!only_list) header();
    for (unsigned i = 0; i < count; i++) {
        nvmlDevice_t device = NULL;
        must(CALL((unsigned, nvmlDevice_t *), "nvmlDeviceGetHandleByIndex_v2", i, &device));
        if (only_list) list(i, device);
        else row(i, device);
    }
    if (count == 0) printf("No devices found.\n");
    CALL((void), "nvmlShutdown");
    return count == 0 ? 6 : 0;
}
