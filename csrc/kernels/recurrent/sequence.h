// The rows of a sequence's steps. Plain data.
#pragma once
#include <cstdint>

namespace flambeau {

/// Step t has rows(t) rows of the batch, the first ones, as in a packed sequence.
struct SequenceShape {
  int64_t steps, batch, units;
  const int64_t* counts;  // rows of each step, or null: all
  bool backwards;         // the last step comes first

  int64_t rows(int64_t t) const { return counts ? counts[t] : batch; }
};

}  // namespace flambeau
