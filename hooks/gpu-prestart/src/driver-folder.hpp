#pragma once
#include "fd.hpp"
#include "host-files.hpp"
#include "input.hpp"
#include "undo.hpp"

/** In the driver folder: bound to the place where NVIDIA's libraries look for it. */
constexpr char kProfileFolder[] = "profiles";
constexpr char kProfileFile[] = "profiles/10-container.conf";

/**
 * One read-only tmpfs at the plan's driver folder with every file and link of the plan in it: nothing of it lands in the
 * container's writable layer, and one unmount takes all of it back. Returns the tmpfs. Throws Failure.
 */
Fd mount_driver_folder(int root, const Plan& plan, const HostFiles& host, Undo& undo);
