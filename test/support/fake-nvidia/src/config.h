#ifndef FAKE_NVIDIA_CONFIG_H
#define FAKE_NVIDIA_CONFIG_H

#include <stddef.h>

enum { MAX_GPUS = 64, MAX_MIG = 8, MAX_LINKS = 18, MAX_PROCESSES = 32, MAX_XIDS = 64, NVIDIA_MAJOR = 195 };
/* A link's other end, where it is no GPU's index. */
enum { LINK_DOWN = -1, LINK_TO_SWITCH = -2 };

struct fake_process {
    unsigned pid;
    unsigned long long used_bytes;
};

/* A GPU, or (parent set) a MIG device. */
struct fake_gpu {
    int minor;
    char uuid[64];
    int lost;
    unsigned long long memory_bytes;
    unsigned long long memory_used_bytes;
    unsigned utilization;
    int mig_enabled;
    int ecc_off;
    unsigned long long ecc_uncorrected;
    int remap_pending, remap_failure;
    int link_count;
    int links[MAX_LINKS];
    int process_count;
    struct fake_process processes[MAX_PROCESSES];
    int xid_count;
    int xids[MAX_XIDS];
    struct fake_gpu *parent;
    /* "1g.10gb" */
    char profile[32];
    unsigned gpu_instance, compute_instance;
    unsigned gpu_slices, compute_slices;
};

struct fake_config {
    char model[96];
    char driver[80];
    char device_folder[4096];
    char seed[128];
    unsigned long long memory_bytes;
    int cuda;
    int capability_major, capability_minor;
    int hang_seconds;
    int wait_hang_seconds;
    int no_driver;
    int count;
    /* Only the GPUs whose device node exists, in minor order. */
    int visible;
    struct fake_gpu gpus[MAX_GPUS];
    struct fake_gpu migs[MAX_GPUS][MAX_MIG];
    int mig_count[MAX_GPUS];
    /* nvmlGpuTopologyLevel_t between two minors; 0: not said. */
    unsigned char topology[MAX_GPUS][MAX_GPUS];
};

/* Never fails: what the file does not say keeps its default. */
void fake_config_load(struct fake_config *config);

#endif
