#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unique-fd.h"

namespace berth {

/// The three ways to name layers, newest first. All pass descriptors, so neither the length of a path nor a ':' or ','
/// in it matters, and a renamed parent cannot swap a layer between check and mount.
enum class OverlayMethod { Descriptor, String, Options };

/// Folders of one overlay, opened; `upper` and `work` are not valid in a read-only one.
struct OverlayLayers {
  std::vector<UniqueFd> lower;
  UniqueFd upper;
  UniqueFd work;
};

/// The same by path.
struct OverlayFolders {
  std::vector<std::string> lower;
  std::optional<std::string> upper;
  std::optional<std::string> work;
};

/// How owners on disk are shown: by the user namespace, in which `rootUid` and `rootGid` of the host are 0.
struct MappedOwners {
  int userNamespace;
  std::uint32_t rootUid;
  std::uint32_t rootGid;
};

UniqueFd openFolder(int parent, const std::string& path);

/// Mounts in this thread's mount namespace. `only` names the method; else the first that the kernel knows is taken.
void mountLayers(const OverlayLayers& layers, const std::string& target, std::optional<OverlayMethod> only);

/// The same over layers whose owners are shown, and taken, as the user namespace maps them (overlay-idmapped.cc).
void mountMappedLayers(const OverlayFolders& folders, const std::string& target, std::optional<OverlayMethod> only,
                       const MappedOwners& owners);

}  // namespace berth
