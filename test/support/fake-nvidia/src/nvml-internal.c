/*
 * NVIDIA's own nvidia-smi asks NVML for a table of undocumented functions and refuses to run without one ("Mismatch in versions").
 * `nvidia-smi -L` calls a few of them and prints the same whatever they answer, so every entry answers "not supported".
 */
#include <stddef.h>

#include "nvml.h"

enum { ENTRIES = 512, NOT_SUPPORTED = 3 };

static nvmlReturn_t not_supported(void) { return NOT_SUPPORTED; }

__attribute__((visibility("default"))) nvmlReturn_t nvmlInternalGetExportTable(const void **out, const unsigned char *id) {
    static nvmlReturn_t (*table[ENTRIES])(void);
    if (!out || !id) return NVML_ERROR_INVALID_ARGUMENT;
    /* The first word is the table's size. */
    table[0] = (nvmlReturn_t(*)(void))sizeof table;
    for (int i = 1; i < ENTRIES; i++) table[i] = not_supported;
    *out = table;
    return NVML_SUCCESS;
}
