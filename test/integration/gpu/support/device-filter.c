// Does to a cgroup v2 what systemd does at `daemon-reload`: compiles a device filter from a unit's rules, attaches it and detaches
// every filter that was there. Usage: device-filter CGROUP "c 195 1 rw"...   ("*" for any number)
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX = 4096 };
static struct bpf_insn code[MAX];
static int length;

static void put(unsigned char op, int dst, int src, short off, int imm) {
  code[length++] = (struct bpf_insn){.code = op, .dst_reg = (unsigned)dst & 15, .src_reg = (unsigned)src & 15, .off = off, .imm = imm};
}

static long bpf(int command, union bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

static int access_bits(const char* text) {
  int bits = 0;
  for (; *text; text++) bits |= *text == 'm' ? BPF_DEVCG_ACC_MKNOD : *text == 'r' ? BPF_DEVCG_ACC_READ : BPF_DEVCG_ACC_WRITE;
  return bits;
}

/** Every test that fails jumps to the next rule. */
static void add_rule(const char* text) {
  char type, major[16], minor[16], access[8];
  if (sscanf(text, "%c %15s %15s %7s", &type, major, minor, access) != 4) exit(2);
  int jumps[4], count = 0;
  put(BPF_ALU64 | BPF_MOV | BPF_X, 1, 3, 0, 0);
  put(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, ~access_bits(access));
  jumps[count++] = length, put(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 0, 0);
  jumps[count++] = length, put(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (*major != '*') jumps[count++] = length, put(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, atoi(major));
  if (*minor != '*') jumps[count++] = length, put(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, atoi(minor));
  put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
  put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  while (count > 0) count--, code[jumps[count]].off = (short)(length - jumps[count] - 1);
}

static void compile(int argc, char** argv) {
  put(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0);
  put(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
  put(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
  put(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16);
  put(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);
  put(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);
  for (int i = 2; i < argc && length < MAX - 16; i++) add_rule(argv[i]);
  put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
  put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int main(int argc, char** argv) {
  compile(argc, argv);
  int cgroup = open(argv[1], O_RDONLY | O_DIRECTORY);
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (unsigned long)code, .insn_cnt = (unsigned)length, .license = (unsigned long)"GPL"};
  int filter = (int)bpf(BPF_PROG_LOAD, &load);
  unsigned ids[64] = {0};
  union bpf_attr query = {.query = {.target_fd = (unsigned)cgroup, .attach_type = BPF_CGROUP_DEVICE, .prog_ids = (unsigned long)ids, .prog_cnt = 64}};
  if (cgroup < 0 || filter < 0 || bpf(BPF_PROG_QUERY, &query) != 0) return perror("load"), 1;
  union bpf_attr attach = {.target_fd = (unsigned)cgroup, .attach_bpf_fd = (unsigned)filter, .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
  if (bpf(BPF_PROG_ATTACH, &attach) != 0) return perror("attach"), 1;
  for (unsigned i = 0; i < query.query.prog_cnt; i++) {
    union bpf_attr open_old = {.prog_id = ids[i]};
    int old = (int)bpf(BPF_PROG_GET_FD_BY_ID, &open_old);
    union bpf_attr detach = {.target_fd = (unsigned)cgroup, .attach_bpf_fd = (unsigned)old, .attach_type = BPF_CGROUP_DEVICE};
    if (old < 0 || bpf(BPF_PROG_DETACH, &detach) != 0) return perror("detach"), 1;
  }
  printf("%u\n", query.query.prog_cnt);
}
