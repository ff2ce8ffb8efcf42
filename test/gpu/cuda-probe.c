// What a container can do with its GPU, through libcuda alone (no toolkit needed at run time):
//   cuda-probe add            adds two vectors on the GPU with a kernel given as PTX, checks every element
//   cuda-probe fill BYTE      fills most of the free memory with BYTE and exits without freeing it
//   cuda-probe seek BYTE      takes most of the free memory and counts the bytes that still hold BYTE
//   cuda-probe count          prints how many devices CUDA sees
// Exit codes: 0 fine, 1 the GPU or libcuda said no (its words on standard error), 2 wrong usage, 3 a wrong result.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef int Device;
typedef void *Handle;
typedef unsigned long long Pointer;

/// Oldest first: an old driver knows no new version, a new one may have dropped an old target.
static const char *kPtxHeads[] = {".version 6.0\n.target sm_50\n", ".version 6.3\n.target sm_75\n", ".version 7.8\n.target sm_90\n"};
static const char *kAddPtx =
    ".address_size 64\n"
    ".visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n) {\n"
    "  .reg .pred %p; .reg .f32 %x, %y; .reg .u32 %i, %n, %t, %b, %d; .reg .u64 %pa, %pb, %pc, %o;\n"
    "  mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %d, %ntid.x; mad.lo.u32 %i, %b, %d, %t;\n"
    "  ld.param.u32 %n, [n]; setp.ge.u32 %p, %i, %n; @%p bra done;\n"
    "  ld.param.u64 %pa, [a]; ld.param.u64 %pb, [b]; ld.param.u64 %pc, [c];\n"
    "  cvta.to.global.u64 %pa, %pa; cvta.to.global.u64 %pb, %pb; cvta.to.global.u64 %pc, %pc;\n"
    "  mul.wide.u32 %o, %i, 4; add.u64 %pa, %pa, %o; add.u64 %pb, %pb, %o; add.u64 %pc, %pc, %o;\n"
    "  ld.global.f32 %x, [%pa]; ld.global.f32 %y, [%pb]; add.f32 %x, %x, %y; st.global.f32 [%pc], %x;\n"
    "done: ret;\n}\n";

static void *library;

static void *symbol(const char *name) {
  void *found = dlsym(library, name);
  if (!found) {
    fprintf(stderr, "libcuda has no %s\n", name);
    exit(1);
  }
  return found;
}

static void check(Result result, const char *call) {
  if (result == 0) return;
  const char *text = "unknown error";
  ((Result(*)(Result, const char **))symbol("cuGetErrorString"))(result, &text);
  fprintf(stderr, "%s: %d %s\n", call, result, text);
  exit(1);
}

static Device device;

static void open_device(void) {
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  check(((Result(*)(unsigned))symbol("cuInit"))(0), "cuInit");
}

static void make_context(void) {
  Handle context;
  check(((Result(*)(Device *, int))symbol("cuDeviceGet"))(&device, 0), "cuDeviceGet");
  check(((Result(*)(Handle *, Device))symbol("cuDevicePrimaryCtxRetain"))(&context, device), "cuDevicePrimaryCtxRetain");
  check(((Result(*)(Handle))symbol("cuCtxSetCurrent"))(context), "cuCtxSetCurrent");
}

static Pointer allocate(size_t bytes) {
  Pointer pointer = 0;
  check(((Result(*)(Pointer *, size_t))symbol("cuMemAlloc_v2"))(&pointer, bytes), "cuMemAlloc");
  return pointer;
}

static int count_devices(void) {
  int count = 0;
  check(((Result(*)(int *))symbol("cuDeviceGetCount"))(&count), "cuDeviceGetCount");
  printf("%d\n", count);
  return 0;
}

static Handle load_add(void) {
  Handle module = NULL;
  Result result = 1;
  for (size_t at = 0; at < sizeof kPtxHeads / sizeof *kPtxHeads && result != 0; at++) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s", kPtxHeads[at], kAddPtx);
    result = ((Result(*)(Handle *, const void *))symbol("cuModuleLoadData"))(&module, text);
  }
  check(result, "cuModuleLoadData");
  return module;
}

static int add(void) {
  enum { kCount = 1 << 20, kBlock = 256 };
  make_context();
  float *host = malloc(kCount * sizeof(float));
  for (int i = 0; i < kCount; i++) host[i] = (float)i;
  Pointer a = allocate(kCount * 4), b = allocate(kCount * 4), c = allocate(kCount * 4);
  Result (*to_device)(Pointer, const void *, size_t) = symbol("cuMemcpyHtoD_v2");
  check(to_device(a, host, kCount * 4), "cuMemcpyHtoD");
  check(to_device(b, host, kCount * 4), "cuMemcpyHtoD");
  Handle module = load_add(), kernel;
  check(((Result(*)(Handle *, Handle, const char *))symbol("cuModuleGetFunction"))(&kernel, module, "add"), "cuModuleGetFunction");
  unsigned count = kCount;
  void *arguments[] = {&a, &b, &c, &count};
  Result (*launch)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void **, void **) = symbol("cuLaunchKernel");
  check(launch(kernel, kCount / kBlock, 1, 1, kBlock, 1, 1, 0, NULL, arguments, NULL), "cuLaunchKernel");
  check(((Result(*)(void))symbol("cuCtxSynchronize"))(), "cuCtxSynchronize");
  check(((Result(*)(void *, Pointer, size_t))symbol("cuMemcpyDtoH_v2"))(host, c, kCount * 4), "cuMemcpyDtoH");
  for (int i = 0; i < kCount; i++) {
    if (host[i] != 2.0f * (float)i) {
      fprintf(stderr, "element %d is %f\n", i, host[i]);
      return 3;
    }
  }
  printf("%d sums are right\n", kCount);
  return 0;
}

static size_t most_of_free_memory(void) {
  size_t free_bytes = 0, total = 0;
  check(((Result(*)(size_t *, size_t *))symbol("cuMemGetInfo_v2"))(&free_bytes, &total), "cuMemGetInfo");
  return free_bytes / 10 * 9 / 4096 * 4096;
}

static int fill(unsigned char byte) {
  make_context();
  const size_t bytes = most_of_free_memory();
  check(((Result(*)(Pointer, unsigned char, size_t))symbol("cuMemsetD8_v2"))(allocate(bytes), byte, bytes), "cuMemsetD8");
  check(((Result(*)(void))symbol("cuCtxSynchronize"))(), "cuCtxSynchronize");
  printf("filled %zu bytes\n", bytes);
  return 0;
}

static int seek(unsigned char byte) {
  enum { kChunk = 64 << 20 };
  make_context();
  const size_t bytes = most_of_free_memory();
  const Pointer memory = allocate(bytes);
  unsigned char *host = malloc(kChunk), *pattern = malloc(4096);
  memset(pattern, byte, 4096);
  size_t found = 0;
  for (size_t at = 0; at < bytes; at += kChunk) {
    const size_t size = bytes - at < kChunk ? bytes - at : kChunk;
    check(((Result(*)(void *, Pointer, size_t))symbol("cuMemcpyDtoH_v2"))(host, memory + at, size), "cuMemcpyDtoH");
    // Whole pages of the pattern: single bytes turn up by chance.
    for (size_t page = 0; page + 4096 <= size; page += 4096) found += memcmp(host + page, pattern, 4096) == 0 ? 4096 : 0;
  }
  printf("found %zu of %zu bytes\n", found, bytes);
  return 0;
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  const unsigned char byte = (unsigned char)(argc > 2 ? atoi(argv[2]) : 0);
  open_device();
  if (strcmp(verb, "count") == 0) return count_devices();
  if (strcmp(verb, "add") == 0) return add();
  if (strcmp(verb, "fill") == 0 && argc > 2) return fill(byte);
  if (strcmp(verb, "seek") == 0 && argc > 2) return seek(byte);
  fprintf(stderr, "usage: cuda-probe count|add|fill BYTE|seek BYTE\n");
  return 2;
}
