#pragma once
#include "input.hpp"
#include "undo.hpp"

/**
 * Covers /proc/driver/nvidia with a read-only view: `params` with `ModifyDeviceFiles: 0`, so that NVIDIA's user-space code makes no
 * device nodes of its own, `version`, `registry` and what the plan shows (the folders of the assigned GPUs). Other GPUs' folders
 * are not there. Without a driver in the kernel (as with simulated GPUs) there is nothing to hide. Throws Failure.
 */
void show_proc_driver(int root, const Plan& plan, Undo& undo);
