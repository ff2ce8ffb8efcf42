#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "overlay.h"
#include "topics.h"
#include "work.h"

// <sys/mount.h> and <linux/mount.h> cannot be included together on every glibc.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;

namespace berth {

UniqueFd openFolder(int parent, const std::string& path) {
  UniqueFd folder(openat(parent, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) throw systemFailure(errno, "open", path);
  return folder;
}

namespace {

/// The kernel does not know this method; try the next.
struct Unsupported {
  Failure failure;
};

// Kernel defaults vary by distribution. Redirects and metacopy are refused so that what a layer's xattrs say is never
// followed and an upper folder holds whole files and OCI whiteouts only.
constexpr std::pair<const char*, const char*> kOptions[] = {
    {"redirect_dir", "nofollow"}, {"metacopy", "off"}, {"index", "off"}};

int configure(int context, unsigned command, const char* key, const void* value, int aux) {
  return static_cast<int>(syscall(SYS_fsconfig, context, command, key, value, aux));
}

/// The context's log: "e overlay: why", one message a read.
std::string kernelMessages(int context) {
  std::string all;
  char line[512];
  for (ssize_t size; (size = read(context, line, sizeof line)) > 0;) {
    std::string text(line, static_cast<std::size_t>(size));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    all += (all.empty() ? "" : "; ") + (text.size() > 2 ? text.substr(2) : text);
  }
  return all;
}

/// errno is read before the messages are: reading them changes it.
Failure contextFailure(int context, const char* call, const std::string& path) {
  const int number = errno;
  return systemFailure(number, call, path, kernelMessages(context));
}

void setLayer(int context, const char* key, const UniqueFd& folder, OverlayMethod method) {
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get());
  const int result = method == OverlayMethod::Descriptor ? configure(context, FSCONFIG_SET_FD, key, nullptr, folder.get())
                                                  : configure(context, FSCONFIG_SET_STRING, key, path.c_str(), 0);
  if (result == 0) return;
  const Failure failure = contextFailure(context, "fsconfig", key);
  if (failure.number == EINVAL) throw Unsupported{failure};
  throw failure;
}

/// fsopen, fsconfig, fsmount, move_mount. `lowerdir+` came with Linux 6.7, descriptors for it with 6.13.
void mountByContext(const OverlayLayers& layers, const std::string& target, OverlayMethod method) {
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context.valid()) {
    if (errno == ENOSYS) throw Unsupported{systemFailure(errno, "fsopen", "overlay")};
    throw systemFailure(errno, "fsopen", "overlay");
  }
  const int fs = context.get();
  for (const auto& lower : layers.lower) setLayer(fs, "lowerdir+", lower, method);
  if (layers.upper.valid()) {
    setLayer(fs, "upperdir", layers.upper, method);
    setLayer(fs, "workdir", layers.work, method);
  }
  for (const auto& [key, value] : kOptions) {
    if (configure(fs, FSCONFIG_SET_STRING, key, value, 0) != 0) throw contextFailure(fs, "fsconfig", key);
  }
  if (configure(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) throw contextFailure(fs, "fsconfig", target);
  const UniqueFd mounted(static_cast<int>(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0)));
  if (!mounted.valid()) throw contextFailure(fs, "fsmount", target);
  if (syscall(SYS_move_mount, mounted.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    throw systemFailure(errno, "move_mount", target);
  }
}

std::string optionString(const OverlayLayers& layers) {
  std::string options = "lowerdir=";
  for (const auto& lower : layers.lower) options += (options.back() == '=' ? "" : ":") + std::to_string(lower.get());
  if (layers.upper.valid()) {
    options += ",upperdir=" + std::to_string(layers.upper.get()) + ",workdir=" + std::to_string(layers.work.get());
  }
  for (const auto& [key, value] : kOptions) options += std::string(",") + key + "=" + value;
  return options;
}

/// mount(2) cuts options at one page without a word, so layers are named by descriptor number relative to
/// /proc/self/fd: four bytes a layer. The working folder is made this thread's own for that, then the thread ends.
void mountByOptions(const OverlayLayers& layers, const std::string& target) {
  const std::string options = optionString(layers);
  if (options.size() >= 4095) throw systemFailure(E2BIG, "mount", target, std::to_string(layers.lower.size()) + " layers");
  const UniqueFd place(openFolder(AT_FDCWD, target));
  const std::string placePath = "/proc/self/fd/" + std::to_string(place.get());
  const char* call = "";
  int number = 0;
  std::thread([&] {
    if (unshare(CLONE_FS) != 0) {
      call = "unshare";
    } else if (chdir("/proc/self/fd") != 0) {
      call = "chdir";
    } else if (mount("overlay", placePath.c_str(), "overlay", 0, options.c_str()) != 0) {
      call = "mount";
    } else {
      return;
    }
    number = errno;
  }).join();
  if (number != 0) throw systemFailure(number, call, target);
}

}  // namespace

void mountLayers(const OverlayLayers& layers, const std::string& target, std::optional<OverlayMethod> only) {
  for (const OverlayMethod method : {OverlayMethod::Descriptor, OverlayMethod::String}) {
    if (only && *only != method) continue;
    try {
      return mountByContext(layers, target, method);
    } catch (const Unsupported& unsupported) {
      if (only) throw unsupported.failure;
    }
  }
  mountByOptions(layers, target);
}

namespace {

/// Tests name the method to exercise the ways this kernel would not take by itself.
std::optional<OverlayMethod> methodArgument(const Napi::Value& value) {
  const auto name = optionalTextArgument(value, "method");
  if (!name) return std::nullopt;
  if (*name == "descriptor") return OverlayMethod::Descriptor;
  if (*name == "string") return OverlayMethod::String;
  if (*name == "options") return OverlayMethod::Options;
  throw Napi::RangeError::New(value.Env(), "method must be descriptor, string or options, not " + *name);
}

std::optional<MappedOwners> mappedOwners(const Napi::Value& value) {
  if (value.IsNull() || value.IsUndefined()) return std::nullopt;
  const Napi::Object owners = objectArgument(value, "mapped");
  return MappedOwners{static_cast<int>(unsignedArgument(owners.Get("userNamespace"), "userNamespace", INT32_MAX)),
                      unsignedArgument(owners.Get("rootUid"), "rootUid"), unsignedArgument(owners.Get("rootGid"), "rootGid")};
}

Napi::Value mountOverlay(const Napi::CallbackInfo& info) {
  const Napi::Object request = objectArgument(info[0], "mount");
  const auto lower = textsArgument(request.Get("lowerDirs"), "lowerDirs");
  const auto upper = optionalTextArgument(request.Get("upper"), "upper");
  const auto work = optionalTextArgument(request.Get("work"), "work");
  const auto target = textArgument(request.Get("target"), "target");
  const auto method = methodArgument(request.Get("method"));
  const auto mapped = mappedOwners(request.Get("mapped"));
  if (lower.empty()) throw Napi::RangeError::New(info.Env(), "lowerDirs must name at least one folder");
  if (upper.has_value() != work.has_value()) throw Napi::TypeError::New(info.Env(), "upper and work go together");
  const OverlayFolders folders{lower, upper, work};
  return onWorker(info.Env(), [=] {
    if (mapped) return mountMappedLayers(folders, target, method, *mapped);
    OverlayLayers layers;
    for (const auto& path : lower) layers.lower.push_back(openFolder(AT_FDCWD, path));
    if (upper) {
      layers.upper = openFolder(AT_FDCWD, *upper);
      layers.work = openFolder(AT_FDCWD, *work);
    }
    mountLayers(layers, target, method);
  });
}

}  // namespace

void exportOverlay(Napi::Env env, Napi::Object exports) {
  exports.Set("mountOverlay", Napi::Function::New(env, mountOverlay));
}

}  // namespace berth
