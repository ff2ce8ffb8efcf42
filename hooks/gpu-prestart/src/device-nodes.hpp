#pragma once
#include "host-files.hpp"
#include "input.hpp"
#include "undo.hpp"

/** Makes the nodes in the container's own /dev; binds the host's where a user namespace forbids mknod. Throws Failure. */
void make_device_nodes(int root, const Plan& plan, const HostFiles& host, Undo& undo);
