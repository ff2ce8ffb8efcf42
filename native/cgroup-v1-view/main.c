/*
 * Runs a program in a mount namespace where /sys/fs/cgroup/unified is not mounted: crun refuses hybrid cgroup hosts
 * unless it sees v1 hierarchies only. Everything else stays as it is, and nothing changes for the host.
 *
 *   cgroup-v1-view PROGRAM [ARGUMENT...]
 *   crun-cgroup-v1 [ARGUMENT...]           the same name linked to this file runs $BERTH_CRUN, or /usr/bin/crun:
 *                                          conmon wants a runtime that is one path
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "cgroup-v1-view: %s: %s\n", what, strerror(errno));
  return 125;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

int main(int argc, char **argv) {
  const char *program = argc > 1 ? argv[1] : NULL;
  char **arguments = argv + 1;
  if (argc > 0 && strcmp(base_name(argv[0]), "crun-cgroup-v1") == 0) {
    const char *chosen = getenv("BERTH_CRUN");
    program = chosen != NULL && chosen[0] == '/' ? chosen : "/usr/bin/crun";
    arguments = argv;
    arguments[0] = (char *)program;
  }
  if (program == NULL) {
    fprintf(stderr, "usage: cgroup-v1-view PROGRAM [ARGUMENT...]\n");
    return 125;
  }
  if (unshare(CLONE_NEWNS) != 0) return fail("unshare");
  /* Slave, not private: what the host mounts later still arrives, what we unmount stays here. */
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) return fail("mount / rslave");
  /* Not mounted (v1 or v2 host): there is nothing to hide. */
  if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
    return fail("umount2 /sys/fs/cgroup/unified");
  }
  execv(program, arguments);
  fail(program);
  return errno == ENOENT ? 127 : 126;
}
