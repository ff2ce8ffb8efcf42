// What a user's own CUDA program does: the toolkit's compiler and runtime, one kernel, every element checked.
#include <cstdio>
#include <cstdlib>
#include <vector>

__global__ void twice(int *values, int count) {
  const int at = blockIdx.x * blockDim.x + threadIdx.x;
  if (at < count) values[at] *= 2;
}

static void check(cudaError_t error, const char *call) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "%s: %s\n", call, cudaGetErrorString(error));
  exit(1);
}

int main() {
  constexpr int kCount = 1 << 20;
  std::vector<int> values(kCount);
  for (int at = 0; at < kCount; at++) values[at] = at;
  int *device = nullptr;
  check(cudaMalloc(&device, kCount * sizeof(int)), "cudaMalloc");
  check(cudaMemcpy(device, values.data(), kCount * sizeof(int), cudaMemcpyHostToDevice), "cudaMemcpy");
  twice<<<kCount / 256, 256>>>(device, kCount);
  check(cudaGetLastError(), "kernel");
  check(cudaMemcpy(values.data(), device, kCount * sizeof(int), cudaMemcpyDeviceToHost), "cudaMemcpy");
  for (int at = 0; at < kCount; at++) {
    if (values[at] == 2 * at) continue;
    fprintf(stderr, "element %d is %d\n", at, values[at]);
    return 3;
  }
  printf("%d products are right\n", kCount);
  return 0;
}
