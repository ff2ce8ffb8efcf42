#pragma once
#include "undo.hpp"

/**
 * Shows `proc/params` of the driver folder's tmpfs at /proc/driver/nvidia/params. With `ModifyDeviceFiles: 0` there NVIDIA's
 * user-space code makes no device nodes of its own in the container. Without the file in procfs (no driver loaded, as with
 * simulated GPUs) there is nothing to hide. Throws Failure.
 */
void show_proc_params(int root, int tmpfs, Undo& undo);
