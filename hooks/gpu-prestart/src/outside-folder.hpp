#pragma once
#include "host-files.hpp"
#include "input.hpp"
#include "undo.hpp"

/**
 * The few things that programs look for outside the driver folder: daemons' sockets below /run, and the application profile that
 * tells EGL which GPUs are the container's. Their mount points come with the driver layer or lie on a tmpfs; else empty ones are
 * made, the same at every start. Throws Failure.
 */
void mount_outside_driver_folder(int root, int driver_folder, const Plan& plan, const HostFiles& host, Undo& undo);
