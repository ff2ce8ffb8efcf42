#include "detach.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstring>

#include "../src/unique-fd.h"

namespace berth {

void closeInherited() {
  syscall(SYS_close_range, 3u, UINT_MAX, 0u);
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return;
  dup2(null.get(), 0);
  dup2(null.get(), 1);
  if (fcntl(2, F_GETFD) < 0) dup2(null.get(), 2);
  if (null.get() <= 2) null.release();
}

/// Below its own minimum a process may go with CAP_SYS_RESOURCE only; without it 0 is the best to be had.
static void lowerOomScore() {
  const UniqueFd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return;
  for (const char* score : {"-999", "0"}) {
    if (write(file.get(), score, strlen(score)) > 0) return;
  }
}

/// A descriptor is held for each process while it is killed.
static void raiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void detach() {
  setsid();
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  if (chdir("/") != 0) return;
  lowerOomScore();
  raiseFileLimit();
  // Under memory pressure the guard must not wait for its own pages. Best effort: it works without.
  mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

}  // namespace berth
