/* What the source files of the fake NVML share. */
#ifndef FAKE_NVML_SHARED_H
#define FAKE_NVML_SHARED_H

#include "config.h"
#include "nvml.h"

#define EXPORT __attribute__((visibility("default")))

extern struct fake_config fake_config;

/* True between nvmlInit and the last nvmlShutdown. */
int fake_ready(void);
/* Reads the configuration again: the state of the GPUs that are there. */
void fake_refresh(void);
/* As on real machines: a lost GPU still has a handle and an index, everything else answers "GPU is lost". */
nvmlReturn_t fake_check(nvmlDevice_t device, const void *out);
void fake_pci(unsigned bus, nvmlPciInfo_t *out);
static inline unsigned fake_bus(int minor_number) { return 0x10u + (unsigned)minor_number; }

#endif
