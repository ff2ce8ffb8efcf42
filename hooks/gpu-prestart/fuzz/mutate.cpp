// Where there is no libFuzzer: damages a plan at random and feeds it. Usage: plan-fuzz PLAN RUNS SEED
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace {

const char* const kPieces[] = {"\"", "{", "}", "[", "]", ":", ",", "/", "..", "/../", "//", "/./", "\\u0000", "-1", "4294967296", "1e400", "null",
                               "true", "/run/", "/dev/", "socket", "folder", "[[[[[[[[", "\xff", "\\ud800", "/proc/self/root", ""};

std::string damaged(std::string text, std::mt19937_64& random) {
  for (int left = 1 + static_cast<int>(random() % 6); left > 0 && !text.empty(); --left) {
    const std::size_t at = random() % text.size();
    switch (random() % 4) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text.replace(at, random() % 8, kPieces[random() % std::size(kPieces)]); break;
      case 2: text.insert(at, text.substr(random() % text.size(), random() % 64)); break;
      default: text.erase(at, random() % 16); break;
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[1]);
  const std::string plan((std::istreambuf_iterator<char>(file)), {});
  std::mt19937_64 random(std::strtoull(argv[3], nullptr, 10));
  for (long runs = std::atol(argv[2]); runs > 0; --runs) {
    const std::string text = damaged(plan, random);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
}
