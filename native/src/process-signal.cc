#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <string>

#include "arguments.h"
#include "failure.h"
#include "topics.h"
#include "unique-fd.h"

namespace berth {

/// Field 22 of /proc/PID/stat; empty when the process is gone. The command name (field 2) may contain anything,
/// blanks and parentheses included, so fields are counted from the last ')'.
static std::string startTimeTicks(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  const ssize_t size = file.valid() ? read(file.get(), buffer, sizeof buffer) : -1;
  if (size <= 0) return "";
  const std::string stat(buffer, static_cast<std::size_t>(size));
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; field++) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

static Napi::Value signalProcess(const Napi::CallbackInfo& info) {
  const auto pid = static_cast<pid_t>(unsignedArgument(info[0], "pid", INT_MAX));
  const std::string expected = textArgument(info[1], "startTimeTicks");
  const auto signal = static_cast<int>(unsignedArgument(info[2], "signal", SIGRTMAX));
  const auto gone = Napi::Boolean::New(info.Env(), false);
  if (pid == 0) throw Napi::RangeError::New(info.Env(), "pid must not be 0");

  // The descriptor pins the process first: a start time that matches afterwards belongs to what the signal will reach.
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) {
    if (errno == ESRCH) return gone;
    throw toJsError(info.Env(), systemFailure(errno, "pidfd_open", std::to_string(pid)));
  }
  if (startTimeTicks(pid) != expected) return gone;
  if (syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == ESRCH) return gone;
  throw toJsError(info.Env(), systemFailure(errno, "pidfd_send_signal", std::to_string(pid)));
}

void exportProcessSignal(Napi::Env env, Napi::Object exports) {
  exports.Set("signalProcess", Napi::Function::New(env, signalProcess));
}

}  // namespace berth
