#pragma once
#include <functional>
#include <string>
#include <vector>

#include "failure.hpp"

/** What was done so far, taken back in reverse order unless kept. */
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  }

  /** `step` must not throw: it runs while a failure is on its way out. */
  void add(std::function<void()> step) {
    steps_.push_back(std::move(step));
#ifdef BERTH_FAIL_POINTS
    if (++done == fail_after) throw Failure("step " + std::to_string(done) + " fails because a test said so");
#endif
  }
  void keep() { steps_.clear(); }

#ifdef BERTH_FAIL_POINTS
  /** The test build ends the work after each of its steps in turn, to see that all of it is taken back. */
  static inline int fail_after = 0;
  static inline int done = 0;
#endif

 private:
  std::vector<std::function<void()>> steps_;
};
