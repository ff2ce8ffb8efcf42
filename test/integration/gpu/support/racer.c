// Swaps two paths as fast as it can until it is told to end, then prints how often. Compiled by the test that needs it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static void end(int signal) {
  (void)signal;
  ended = 1;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  signal(SIGTERM, end);
  long swaps = 0;
  puts("ready");
  fflush(stdout);
  while (!ended) swaps += renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0;
  // Back to where it began: an odd number of swaps left them the wrong way round.
  if (swaps % 2 == 1) renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
  printf("%ld\n", swaps);
  return 0;
}
