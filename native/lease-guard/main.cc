// Kills the processes of containers whose lease is over, whatever has become of the agent.
//
//   lease-guard LEASES-FOLDER
//
// Returns 0 as soon as a guard watches the folder, be it this one, gone on in the background, or one that ran before.
// Write the lease first, then run this: a lease that exists when it returns 0 is guarded. Complaints go to standard
// error, which the guard keeps.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>

#include "detach.h"
#include "guard.h"
#include "../src/unique-fd.h"

namespace {

int fail(const char* call, const char* path) {
  fprintf(stderr, "lease-guard: %s: %s: %s\n", call, path, strerror(errno));
  return 1;
}

int guard(const berth::UniqueFd& folder, berth::UniqueFd announce) {
  berth::detach();
  try {
    berth::Guard(folder.get()).run([&] {
      // The parent may be gone; nothing depends on its having read.
      if (write(announce.get(), "1", 1) < 0) fprintf(stderr, "lease-guard: nobody waits for it\n");
      announce.reset();
    });
    return 0;
  } catch (const std::exception& error) {
    fprintf(stderr, "lease-guard: %s\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  berth::closeInherited();
  if (argc != 2) {
    fprintf(stderr, "usage: lease-guard LEASES-FOLDER\n");
    return 2;
  }
  const berth::UniqueFd folder(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return fail("open", argv[1]);
  if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? 0 : fail("flock", argv[1]);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail("pipe2", argv[1]);
  berth::UniqueFd listen(ends[0]);
  berth::UniqueFd announce(ends[1]);
  const pid_t child = fork();
  if (child < 0) return fail("fork", argv[1]);
  if (child == 0) {
    listen.reset();
    return guard(folder, std::move(announce));
  }
  announce.reset();
  char byte = 0;
  return read(listen.get(), &byte, 1) == 1 ? 0 : 1;
}
