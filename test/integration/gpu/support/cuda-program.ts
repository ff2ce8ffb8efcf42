import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./exec.ts";

/** dlopen by soname, as every CUDA program; prints what cuInit says and how many devices there are. */
const SOURCE = `
#include <dlfcn.h>
#include <stdio.h>
int main(void) {
  void *cuda = dlopen("libcuda.so.1", RTLD_NOW);
  if (!cuda) return puts(dlerror()), 1;
  int count = -1, result = ((int (*)(unsigned))dlsym(cuda, "cuInit"))(0);
  ((int (*)(int *))dlsym(cuda, "cuDeviceGetCount"))(&count);
  return printf("cuInit %d, %d devices\\n", result, count), 0;
}`;

/** Puts a program that counts CUDA's devices at /bin/cuda-probe of a rootfs. */
export async function addCudaProgram(rootfs: string): Promise<void> {
  const source = `${rootfs}-cuda-probe.c`;
  await writeFile(source, SOURCE);
  await must("cc", ["-o", join(rootfs, "bin/cuda-probe"), source]);
}
