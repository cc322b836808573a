// Kernels of groups that wait, by what they compute: the least used go. Needs the GIL.
#pragma once
#include <string>
#include <vector>

#include "dispatch/waiting.h"

namespace flambeau::waiting {

/// What is known of groups of one kind.
struct Compiled {
  const void* kernel = nullptr;  // MapKernel, or RowsKernel
  int seen = 0, calls = 0;
  int users = 0;  // that run it; meanwhile it stays
  bool asked = false, refused = false;
  uint64_t used = 0;  // the time, in look-ups
};

/// Found or made; stays where it is until another is made or `set_kernel` is called, and while it
/// has users.
Compiled& kernel_of(const std::string& key);

int64_t known_groups();
int64_t known_kernels();

/// Kernels to be asked for before the next operator waits.
std::vector<Wanted>& wanted();

/// A kernel runs, maybe without the GIL, which whoever ends this holds again.
class InUse {
 public:
  explicit InUse(Compiled* one) : one_(one) { ++one_->users; }
  ~InUse() { --one_->users; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  Compiled* one_;
};

}  // namespace flambeau::waiting
