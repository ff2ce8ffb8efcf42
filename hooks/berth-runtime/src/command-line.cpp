#include "command-line.hpp"

#include <set>

namespace {

/** Options before the command whose value is a word of its own (runc.c and crun.c, global options). */
const std::set<std::string> kWithValue = {"--root", "--log", "--log-format", "--log-level", "--criu", "--rootless", "--cgroup-manager", "--config"};

std::string bundle_after(int argc, char** argv, int at) {
  std::string bundle = ".";
  for (; at < argc; ++at) {
    const std::string word = argv[at];
    if ((word == "--bundle" || word == "-b") && at + 1 < argc) bundle = argv[++at];
    else if (word.compare(0, 9, "--bundle=") == 0) bundle = word.substr(9);
    else if (word.compare(0, 3, "-b=") == 0) bundle = word.substr(3);
  }
  return bundle;
}

}  // namespace

std::optional<std::string> bundle_to_edit(int argc, char** argv) {
  for (int at = 1; at < argc; ++at) {
    const std::string word = argv[at];
    if (kWithValue.count(word) != 0) ++at;
    else if (word[0] != '-' || word.empty()) {
      if (word != "create" && word != "run") return std::nullopt;
      return bundle_after(argc, argv, at + 1);
    }
  }
  return std::nullopt;
}
