#pragma once
#include <string>

#include "fd.hpp"
#include "input.hpp"
#include "undo.hpp"

/**
 * Enters the container's mount namespace and opens its rootfs there. Throws Failure when the namespace is our own or the
 * rootfs is not the folder that the bundle names on the host.
 */
Fd enter_rootfs(const Container& container);

/**
 * Opens `path` below `folder` as O_PATH: no component may be a symbolic link, magic link or "..", so an image can neither
 * lead us outside nor onto another place inside. Throws Failure.
 */
Fd open_below(int folder, const std::string& path, int flags);

/** As open_below for a folder, making what is missing (0755); what it made is taken back by `undo`. */
Fd make_folder(int folder, const std::string& path, Undo& undo);
