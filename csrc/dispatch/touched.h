// How much memory the operands of a loop touch. No memory is read.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/elements/copy.h"

namespace flambeau {

/// What operands share counts once: x[1:] - x[:-1] reads x from memory once.
class Touched {
 public:
  /// `bytes` of the `span` bytes from `begin` on, spread evenly.
  void add(const void* begin, int64_t span, int64_t bytes) {
    auto first = reinterpret_cast<uintptr_t>(begin), last = first + static_cast<uintptr_t>(span);
    uintptr_t between = 0;
    for (int i = 0; i < n_ && first < last; ++i) {
      if (first < begins_[i] && ends_[i] < last) between += ends_[i] - begins_[i];
      if (first >= begins_[i]) first = std::max(first, std::min(last, ends_[i]));
      if (last <= ends_[i]) last = std::min(last, std::max(first, begins_[i]));
    }
    if (first + between >= last) return;
    const auto fresh = static_cast<int64_t>(last - first - between);
    total_ += fresh == span ? bytes : static_cast<int64_t>(1.0 * bytes * fresh / span);
    if (n_ == most) return;
    begins_[n_] = first;
    ends_[n_++] = last;
  }
  void add(const void* begin, int64_t bytes) { add(begin, bytes, bytes); }
  int64_t total() const { return total_; }

 private:
  static constexpr int most = 16;
  uintptr_t begins_[most], ends_[most];
  int n_ = 0;
  int64_t total_ = 0;
};

}  // namespace flambeau
