#define _GNU_SOURCE
#include "config.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* FNV-1a, then a murmur-style finish: enough to spread a seed over a UUID. */
static uint64_t hash(const char *seed, int gpu, int half) {
    uint64_t h = 1469598103934665603ULL;
    for (const char *c = seed; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211ULL;
    h = (h ^ (uint64_t)(gpu * 2 + half + 1)) * 1099511628211ULL;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    return h ^ (h >> 33);
}

static void default_uuid(const char *seed, int gpu, char *out, size_t size) {
    uint64_t a = hash(seed, gpu, 0), b = hash(seed, gpu, 1);
    snprintf(out, size, "GPU-%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xffff,
             (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffffULL));
}

static void config_path(char *out, size_t size) {
    const char *given = getenv("FAKE_NVML_CONFIG");
    Dl_info info;
    if (given) {
        snprintf(out, size, "%s", given);
    } else if (dladdr((void *)&fake_config_load, &info) && info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        snprintf(out, size, "%.*sfake-nvml.conf", slash ? (int)(slash - info.dli_fname + 1) : 0, info.dli_fname);
    } else {
        out[0] = 0;
    }
}

static void apply(struct fake_config *c, const char *key, const char *value) {
    int gpu;
    char extra;
    if (!strcmp(key, "count")) c->count = atoi(value);
    else if (!strcmp(key, "model")) snprintf(c->model, sizeof c->model, "%s", value);
    else if (!strcmp(key, "memory-mib")) c->memory_bytes = strtoull(value, NULL, 10) << 20;
    else if (!strcmp(key, "driver")) snprintf(c->driver, sizeof c->driver, "%s", value);
    else if (!strcmp(key, "cuda")) c->cuda = atoi(value);
    else if (!strcmp(key, "compute-capability")) sscanf(value, "%d.%d", &c->capability_major, &c->capability_minor);
    else if (!strcmp(key, "hang-seconds")) c->hang_seconds = atoi(value);
    else if (!strcmp(key, "no-driver")) c->no_driver = atoi(value);
    else if (!strcmp(key, "seed")) snprintf(c->seed, sizeof c->seed, "%s", value);
    else if (!strcmp(key, "device-folder")) snprintf(c->device_folder, sizeof c->device_folder, "%s", value);
    else if (sscanf(key, "uuid.%d%c", &gpu, &extra) == 1 && gpu >= 0 && gpu < MAX_GPUS)
        snprintf(c->gpus[gpu].uuid, sizeof c->gpus[gpu].uuid, "%s", value);
    else if (sscanf(key, "error.%d%c", &gpu, &extra) == 1 && gpu >= 0 && gpu < MAX_GPUS) c->gpus[gpu].lost = 1;
}

static void read_file(struct fake_config *config) {
    char path[4096], line[4200];
    config_path(path, sizeof path);
    FILE *file = path[0] ? fopen(path, "re") : NULL;
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        char *equals = strchr(line, '=');
        if (line[0] == '#' || !equals) continue;
        *equals = 0;
        apply(config, line, equals + 1);
    }
    fclose(file);
}

static int has_node(const char *folder, int minor_number) {
    char path[4200];
    struct stat st;
    snprintf(path, sizeof path, "%s/nvidia%d", folder, minor_number);
    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == NVIDIA_MAJOR && (int)minor(st.st_rdev) == minor_number;
}

void fake_config_load(struct fake_config *config) {
    struct stat st;
    memset(config, 0, sizeof *config);
    snprintf(config->model, sizeof config->model, "NVIDIA H100 80GB HBM3");
    snprintf(config->driver, sizeof config->driver, "550.163.01");
    config->memory_bytes = 81559ULL << 20;
    config->cuda = 12040;
    config->capability_major = 9;
    read_file(config);
    if (config->count > MAX_GPUS) config->count = MAX_GPUS;
    const char *folder = config->device_folder[0] && stat(config->device_folder, &st) == 0 ? config->device_folder : "/dev";
    for (int i = 0; i < config->count; i++) {
        if (!has_node(folder, i)) continue;
        struct fake_gpu gpu = config->gpus[i];
        gpu.minor = i;
        if (!gpu.uuid[0]) default_uuid(config->seed, i, gpu.uuid, sizeof gpu.uuid);
        config->gpus[config->visible++] = gpu;
    }
}
