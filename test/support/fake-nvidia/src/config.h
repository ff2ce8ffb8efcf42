#ifndef FAKE_NVIDIA_CONFIG_H
#define FAKE_NVIDIA_CONFIG_H

#include <stddef.h>

enum { MAX_GPUS = 64, NVIDIA_MAJOR = 195 };

struct fake_gpu {
    int minor;
    char uuid[48];
    int lost;
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
    int no_driver;
    int count;
    /* Only the GPUs whose device node exists, in minor order. */
    int visible;
    struct fake_gpu gpus[MAX_GPUS];
};

/* Never fails: what the file does not say keeps its default. */
void fake_config_load(struct fake_config *config);

#endif
