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

/* "1,1,switch,down": the other ends of link 0, 1, ... */
static void apply_links(struct fake_gpu *gpu, char *list) {
    gpu->link_count = 0;
    for (char *word = strtok(list, ","); word && gpu->link_count < MAX_LINKS; word = strtok(NULL, ","))
        gpu->links[gpu->link_count++] = !strcmp(word, "switch") ? LINK_TO_SWITCH : !strcmp(word, "down") ? LINK_DOWN : atoi(word);
}

/* "1234:512,99:20": pid:MiB */
static void apply_processes(struct fake_gpu *gpu, char *list) {
    gpu->process_count = 0;
    for (char *word = strtok(list, ","); word && gpu->process_count < MAX_PROCESSES; word = strtok(NULL, ",")) {
        struct fake_process *process = &gpu->processes[gpu->process_count];
        unsigned long long mib = 0;
        if (sscanf(word, "%u:%llu", &process->pid, &mib) == 2) process->used_bytes = mib << 20, gpu->process_count++;
    }
}

static void apply_xids(struct fake_gpu *gpu, char *list) {
    gpu->xid_count = 0;
    for (char *word = strtok(list, ","); word && gpu->xid_count < MAX_XIDS; word = strtok(NULL, ",")) gpu->xids[gpu->xid_count++] = atoi(word);
}

/* "1g.10gb gi=7 ci=0 memory-mib=9856 uuid=MIG-...": also says that MIG is on. */
static void apply_mig(struct fake_config *c, int parent, int number, char *text) {
    struct fake_gpu *mig = &c->migs[parent][number];
    memset(mig, 0, sizeof *mig);
    mig->gpu_instance = (unsigned)number + 7;
    snprintf(mig->uuid, sizeof mig->uuid, "MIG-00000000-0000-4000-8000-%06d%06d", parent, number);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        unsigned long long mib;
        if (sscanf(word, "gi=%u", &mig->gpu_instance) == 1 || sscanf(word, "ci=%u", &mig->compute_instance) == 1) continue;
        if (sscanf(word, "memory-mib=%llu", &mib) == 1) mig->memory_bytes = mib << 20;
        else if (!strncmp(word, "uuid=", 5)) snprintf(mig->uuid, sizeof mig->uuid, "%s", word + 5);
        else snprintf(mig->profile, sizeof mig->profile, "%s", word);
    }
    if (sscanf(mig->profile, "%uc.%ug.", &mig->compute_slices, &mig->gpu_slices) != 2) {
        sscanf(mig->profile, "%ug.", &mig->gpu_slices);
        mig->compute_slices = mig->gpu_slices;
    }
    c->gpus[parent].mig_enabled = 1;
    if (number >= c->mig_count[parent]) c->mig_count[parent] = number + 1;
}

static void apply_topology(struct fake_config *c, int a, int b, const char *level) {
    static const struct { const char *name; unsigned char value; } levels[] = {{"PIX", 10}, {"PXB", 20}, {"PHB", 30}, {"NODE", 40}, {"SYS", 50}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (!strcmp(levels[i].name, level)) c->topology[a][b] = c->topology[b][a] = levels[i].value;
}

/* Keys "NAME.GPU" and "NAME.GPU.NUMBER". */
static void apply_to_gpu(struct fake_config *c, const char *key, char *value) {
    char name[32];
    int gpu, number = -1;
    int parts = sscanf(key, "%31[a-z-].%d.%d", name, &gpu, &number);
    if (parts < 2 || gpu < 0 || gpu >= MAX_GPUS) return;
    struct fake_gpu *g = &c->gpus[gpu];
    if (parts == 3 && !strcmp(name, "mig") && number >= 0 && number < MAX_MIG) apply_mig(c, gpu, number, value);
    else if (parts == 3 && !strcmp(name, "topology") && number >= 0 && number < MAX_GPUS) apply_topology(c, gpu, number, value);
    else if (parts == 3) return;
    else if (!strcmp(name, "uuid")) snprintf(g->uuid, sizeof g->uuid, "%s", value);
    else if (!strcmp(name, "error")) g->lost = !strcmp(value, "lost");
    else if (!strcmp(name, "mig")) g->mig_enabled = atoi(value);
    else if (!strcmp(name, "nvlink")) apply_links(g, value);
    else if (!strcmp(name, "ecc")) g->ecc_off = !strcmp(value, "off");
    else if (!strcmp(name, "ecc-uncorrected")) g->ecc_uncorrected = strtoull(value, NULL, 10);
    else if (!strcmp(name, "remap")) g->remap_pending = strstr(value, "pending") != NULL, g->remap_failure = strstr(value, "failure") != NULL;
    else if (!strcmp(name, "memory-used-mib")) g->memory_used_bytes = strtoull(value, NULL, 10) << 20;
    else if (!strcmp(name, "utilization")) g->utilization = (unsigned)atoi(value);
    else if (!strcmp(name, "processes")) apply_processes(g, value);
    else if (!strcmp(name, "xids")) apply_xids(g, value);
}

static void apply(struct fake_config *c, const char *key, char *value) {
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
    else if (!strcmp(key, "wait-hang-seconds")) c->wait_hang_seconds = atoi(value);
    else apply_to_gpu(c, key, value);
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

/* Moves GPU `from` (and its MIG devices) to the next visible place; never overtakes: visible <= from. */
static void show(struct fake_config *config, int from) {
    int to = config->visible++;
    struct fake_gpu *gpu = &config->gpus[to];
    if (to != from) {
        *gpu = config->gpus[from];
        memcpy(config->migs[to], config->migs[from], sizeof config->migs[to]);
        config->mig_count[to] = config->mig_count[from];
    }
    gpu->minor = from;
    gpu->memory_bytes = config->memory_bytes;
    if (!gpu->uuid[0]) default_uuid(config->seed, from, gpu->uuid, sizeof gpu->uuid);
    for (int i = 0; i < config->mig_count[to]; i++) config->migs[to][i].parent = gpu;
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
    for (int i = 0; i < config->count; i++)
        if (has_node(folder, i)) show(config, i);
}
