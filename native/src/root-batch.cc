#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "failure.h"
#include "root.h"

namespace berth {
namespace {

/// Finds the folder of an entry, and keeps it for the next one: an archive's entries lie side by side. Only as long as
/// nothing is removed: what was made since cannot change where a path that was found leads.
class Folders {
 public:
  explicit Folders(const Root& root) : root_(root) {}

  /// The descriptor of the folder; `name` is what the entry is called in it.
  int of(const std::string& path, std::string& name) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") throw systemFailure(EINVAL, "openat2", root_.describe(path));
    if (!fd_.valid() || folder != path_) {
      fd_.reset(openBelow(root_.folder.get(), folder.empty() ? "." : folder, O_PATH | O_DIRECTORY));
      if (!fd_.valid()) throw systemFailure(errno, "openat2", root_.describe(path));
      path_ = folder;
    }
    return fd_.get();
  }

 private:
  const Root& root_;
  std::string path_;
  UniqueFd fd_;
};

/// Nobody else reaches a folder that is being filled: the file may have its mode from the start, which saves setting it.
void makeFile(const Root& root, int folder, const std::string& name, const Operation& operation) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd file(openat(folder, name.c_str(), flags, operation.metadata.mode & 0777));
  if (!file.valid()) throw systemFailure(errno, "openat", root.describe(operation.path));
  for (std::size_t done = 0; done < operation.contentSize;) {
    const ssize_t written = write(file.get(), operation.content + done, operation.contentSize - done);
    if (written < 0 && errno != EINTR) throw systemFailure(errno, "write", root.describe(operation.path));
    if (written > 0) done += static_cast<std::size_t>(written);
  }
  setFileMetadata(root, operation.path, file, operation.metadata);
}

void makeLinkWithMetadata(const Root& root, int folder, const std::string& name, const Operation& operation) {
  if (symlinkat(operation.target.c_str(), folder, name.c_str()) != 0) {
    throw systemFailure(errno, "symlinkat", root.describe(operation.path));
  }
  setMetadata(root, operation.path, operation.metadata);
}

/// What is no folder any more has the metadata of what took its place.
void setFolderMetadata(const Root& root, Folders& folders, const Operation& operation) {
  std::string name = ".";
  const int parent = operation.path.empty() ? root.folder.get() : folders.of(operation.path, name);
  const UniqueFd folder(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid() && (errno == ENOTDIR || errno == ENOENT || errno == ELOOP)) return;
  if (!folder.valid()) throw systemFailure(errno, "openat", root.describe(operation.path));
  setFileMetadata(root, operation.path, folder, operation.metadata);
}

void apply(const Root& root, Folders& folders, const Operation& operation) {
  if (operation.kind == Operation::Kind::folderMetadata) return setFolderMetadata(root, folders, operation);
  std::string name;
  const int folder = folders.of(operation.path, name);
  if (operation.kind == Operation::Kind::file) return makeFile(root, folder, name, operation);
  if (operation.kind == Operation::Kind::symlink) return makeLinkWithMetadata(root, folder, name, operation);
  if (mkdirat(folder, name.c_str(), 0700) != 0) throw systemFailure(errno, "mkdirat", root.describe(operation.path));
}

}  // namespace

std::optional<BatchFailure> applyAll(const Root& root, const std::vector<Operation>& operations) {
  Folders folders(root);
  for (std::size_t index = 0; index < operations.size(); index++) {
    try {
      apply(root, folders, operations[index]);
    } catch (const Failure& failure) {
      return BatchFailure{index, failure};
    }
  }
  return std::nullopt;
}

}  // namespace berth
