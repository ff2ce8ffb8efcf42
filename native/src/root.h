#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failure.h"
#include "unique-fd.h"

namespace berth {

struct Entry {
  /// The folder that holds the entry.
  UniqueFd parent;
  /// Its name there: no '/', not "..". Empty when the entry is the root itself.
  std::string name;
};

/// The root's descriptor and where it was opened, for error texts. Shared by the JS object and the calls in flight, so
/// close() cannot pull the descriptor from under a worker thread.
struct Root {
  UniqueFd folder;
  std::string path;

  /// For errors only.
  std::string describe(const std::string& entry) const;
};

using Xattrs = std::vector<std::pair<std::string, std::string>>;

struct Metadata {
  uid_t uid;
  gid_t gid;
  mode_t mode;
  std::int64_t mtimeNs;
  Xattrs xattrs;
};

// root-paths.cc: names to descriptors, never past the root.
Root openRootFolder(const std::string& path);
/// @throws EINVAL when the last component is ".."; what openat2 says of the folders on the way.
Entry locate(const Root& root, const std::string& path);
/// As locate, for calls that make or remove a name: the root itself has none.
Entry locateName(const Root& root, const std::string& path);
/// O_PATH descriptor of the entry itself; a symbolic link is not followed.
UniqueFd openEntry(const Root& root, const std::string& path);
/// openat2 below `folder` with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | `resolve`. -1 and errno on failure.
int openBelow(int folder, const std::string& path, std::uint64_t flags, std::uint64_t resolve = 0);
/// "/proc/self/fd/N": reaches exactly what the descriptor holds, symbolic links themselves included.
std::string descriptorPath(int fd);

// root-writer.cc: one call each, names as in NativeRoot.
void makeFolder(const Root& root, const std::string& path, mode_t mode);
int createFile(const Root& root, const std::string& path, mode_t mode);
int openFile(const Root& root, const std::string& path, bool follow);
void makeSymlink(const Root& root, const std::string& target, const std::string& path);
void makeLink(const Root& root, const std::string& existing, const std::string& path);
void makeNode(const Root& root, const std::string& path, mode_t mode, unsigned major, unsigned minor);
std::vector<std::string> listFolder(const Root& root, const std::string& path);
std::string readSymlink(const Root& root, const std::string& path);

/// One entry of a batch.
struct Operation {
  enum class Kind { file, symlink, folder, folderMetadata };
  Kind kind;
  std::string path;
  /// Of a file. Whoever makes the batch keeps it alive.
  const char* content;
  std::size_t contentSize;
  /// Of a symbolic link.
  std::string target;
  /// Of all but `folder`.
  Metadata metadata;
};

struct BatchFailure {
  std::size_t index;
  Failure failure;
};

// root-batch.cc
/// One after the other, up to the first that fails.
std::optional<BatchFailure> applyAll(const Root& root, const std::vector<Operation>& operations);

// root-remove.cc
void removeTree(const Root& root, const std::string& path);

// root-metadata.cc
void setMetadata(const Root& root, const std::string& path, const Metadata& metadata);
/// The same for an open file; `path` is for errors only.
void setFileMetadata(const Root& root, const std::string& path, const UniqueFd& file, const Metadata& metadata);
std::optional<struct stat> statEntry(const Root& root, const std::string& path);
Xattrs readXattrs(const Root& root, const std::string& path);

}  // namespace berth
