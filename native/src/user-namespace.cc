#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"
#include "topics.h"
#include "unique-fd.h"
#include "work.h"

namespace berth {
namespace {

/// A process whose only use is to be in a user namespace of its own; ended and waited for with this object.
class NamespaceHolder {
 public:
  /// No exit signal: nobody who waits for children may take this one for theirs.
  NamespaceHolder() : pid_(static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0))) {
    if (pid_ < 0) throw systemFailure(errno, "clone", "");
    if (pid_ > 0) return;
    // The copy of a process with threads: only system calls from here on.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;
  ~NamespaceHolder() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }

  std::string file(const char* name) const { return "/proc/" + std::to_string(pid_) + "/" + name; }

 private:
  pid_t pid_;
};

void writeMap(const std::string& file, const std::string& map) {
  const UniqueFd opened(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened.valid()) throw systemFailure(errno, "open", file);
  if (write(opened.get(), map.data(), map.size()) != static_cast<ssize_t>(map.size())) throw systemFailure(errno, "write", file, map);
}

/// user_namespaces(7): the maps are written once, whole.
int openUserNamespace(const std::string& uidMap, const std::string& gidMap) {
  const NamespaceHolder holder;
  writeMap(holder.file("uid_map"), uidMap);
  writeMap(holder.file("gid_map"), gidMap);
  UniqueFd opened(open(holder.file("ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) throw systemFailure(errno, "open", holder.file("ns/user"));
  return opened.release();
}

Napi::Value createUserNamespace(const Napi::CallbackInfo& info) {
  const std::string uidMap = textArgument(info[0], "uidMap");
  const std::string gidMap = textArgument(info[1], "gidMap");
  return onWorker(
      info.Env(), [=] { return openUserNamespace(uidMap, gidMap); },
      [](Napi::Env env, int descriptor) -> Napi::Value { return Napi::Number::New(env, descriptor); });
}

}  // namespace

void exportUserNamespace(Napi::Env env, Napi::Object exports) {
  exports.Set("createUserNamespace", Napi::Function::New(env, createUserNamespace));
}

}  // namespace berth
