// OCI hook, prestart or createRuntime: gives one container what its injection plan says of the GPU host. See ../README.md.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "device-nodes.hpp"
#include "driver-folder.hpp"
#include "failure.hpp"
#include "host-files.hpp"
#include "input.hpp"
#include "outside-folder.hpp"
#include "proc-driver.hpp"
#include "rootfs.hpp"
#include "syscalls.hpp"
#include "undo.hpp"

namespace {

constexpr unsigned kSecondsToLive = 30;

/**
 * Nothing of the caller reaches us: no environment (CVE-2025-23266 was LD_PRELOAD from an image), no working folder inside
 * a rootfs, no descriptor beyond stdio, no core file.
 */
void leave_the_caller_behind() {
  clearenv();
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  const rlimit none{0, 0};
  if (chdir("/") != 0) fail_errno("chdir", "/");
  if (setrlimit(RLIMIT_CORE, &none) != 0) fail_errno("setrlimit", "core");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) fail_errno("prctl", "dumpable");
  if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0) fail_errno("close_range", "3-");
  // A host file on a dead network mount must not hold the start for ever.
  alarm(kSecondsToLive);
}

std::string plan_path(int argc, char** argv) {
#ifdef BERTH_FAIL_POINTS
  if (argc == 5 && std::string(argv[3]) == "--fail-after") {
    Undo::fail_after = std::atoi(argv[4]);
    argc = 3;
  }
#endif
  const std::string path = argc == 3 && std::string(argv[1]) == "--plan" ? argv[2] : "";
  if (path.empty() || path[0] != '/') throw Failure("usage: gpu-prestart --plan /absolute/path < oci-state");
  return path;
}

void inject(const std::string& path) {
  const Container container = read_container(STDIN_FILENO);
  const Plan plan = read_plan(path);
  const HostFiles host = open_host_files(plan, container.user_namespace);
  const Fd root = enter_rootfs(container);
  Undo undo;
  make_device_nodes(root.get(), plan, host, undo);
  const Fd tmpfs = mount_driver_folder(root.get(), plan, host, undo);
  mount_outside_driver_folder(root.get(), tmpfs.get(), plan, host, undo);
  if (!plan.proc_params.empty()) show_proc_driver(root.get(), plan, undo);
  undo.keep();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    leave_the_caller_behind();
    inject(plan_path(argc, argv));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu-prestart: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
