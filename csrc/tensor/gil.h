// The GIL, which long work gives up and takes back. Each thread knows what it has of it, as the
// interpreter's own answers end before its threads do.
//
// A thread that asks for the GIL of an interpreter that is ending never gets it: CPython up to 3.13
// ends the thread by unwinding its stack. None of our destructors may run then, as they need the
// GIL, so the thread stays where it is until the process exits (gil.cpp).
#pragma once

struct _ts;  // PyThreadState

namespace flambeau {

/// What gives this thread the GIL again; null where it has it, or never does.
inline constinit thread_local _ts* given_up_gil = nullptr;
/// Whether this thread never has it: one of the pool.
inline constinit thread_local bool never_has_gil = false;

void give_up_gil() noexcept;
void take_gil_back() noexcept;

/// Whether other threads than this one get the GIL no more.
bool interpreter_ends() noexcept;

/// Releases the GIL for its lifetime when the work is long enough to be worth it.
class LongWork {
 public:
  explicit LongWork(bool is_long) : is_long_(is_long) {
    if (is_long) give_up_gil();
  }
  ~LongWork() {
    if (is_long_) take_gil_back();
  }
  LongWork(const LongWork&) = delete;

 private:
  const bool is_long_;
};

/// Has the GIL for its lifetime, whether or not a LongWork around it has given it up. Not in a
/// thread of the pool.
class ShortWork {
 public:
  ShortWork() : was_given_up_(given_up_gil != nullptr) {
    if (was_given_up_) take_gil_back();
  }
  ~ShortWork() {
    if (was_given_up_) give_up_gil();
  }
  ShortWork(const ShortWork&) = delete;

 private:
  const bool was_given_up_;
};

}  // namespace flambeau
