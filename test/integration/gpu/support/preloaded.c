// What an attacker names in LD_PRELOAD: leaves a mark in the folder that ATTACK_MARK names, or in / of whoever loads it.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void mark(void) {
  const char* path = getenv("ATTACK_MARK");
  close(open(path ? path : "/attack-mark", O_CREAT | O_WRONLY, 0600));
}
