// What waits, as recording (waiting.cpp) and running (waiting_run.cpp) see it. Needs the GIL.
#pragma once
#include <algorithm>
#include <atomic>
#include <utility>

#include "dispatch/waiting.h"
#include "dispatch/waiting_foresight.h"

namespace flambeau::waiting {

constexpr int group_count = 32;  // bits of Storage::waiting
// While more are open, results that backward alone may ask for are stored as well: a group that
// keeps them to itself stays open until then.
constexpr int most_kept = 24;

struct Input {
  Storage* storage;  // retained
  int64_t offset;
  int64_t strides[inline_ndim];  // over the group's sizes, in elements
  DType dtype;
};
struct Number {
  alignas(8) char bytes[8];
  DType dtype;
};
struct Node {
  Pointwise* record;
  MapKernel kernel;  // of this operator alone
  Storage* storage;  // of the result; null: nobody holds it any more
  DType compute, dtype;
  bool streamed, history;
  bool read = false;   // by another node
  uint16_t place = 0;  // in foresight.h
  uint8_t operands[max_args];
};

/// Operators whose results have the same sizes, joined by what they read.
struct Group {
  bool open = false, running = false;
  bool flat = true;  // all inputs are contiguous and of these sizes
  int n_nodes = 0, n_inputs = 0, n_numbers = 0;
  int alive = 0;          // results that somebody holds
  uint64_t stamp = 0;     // the order of opening
  uint64_t finished = 0;  // runs
  int64_t numel = 0;
  int ndim = 0;
  int64_t sizes[inline_ndim];
  Node nodes[most_nodes];
  Input inputs[most_operands];
  Number numbers[most_operands];

  bool has_sizes(const Dims& other) const {
    return other.n == ndim && std::equal(sizes, sizes + ndim, other.v);
  }
  /// How many operands more it may read; some are left for results.
  int room(bool stays_flat) const {
    return (flat && stays_flat ? most_operands - 8 : max_operands - 4) - n_inputs - n_numbers;
  }
};

extern Group groups[group_count];
extern Counts counted;

inline int bit(uint32_t set) { return __builtin_ctz(set); }

inline void withhold(Storage* s, int g) {
  if (!s->waiting) {
    s->withheld = s->data;
    // A loop without the GIL that finds no bytes looks for those that are withheld.
    std::atomic_ref(s->data).store(nullptr, std::memory_order_release);
  }
  s->waiting |= uint32_t{1} << g;
}
inline void give_back(Storage* s, int g) {
  s->waiting &= ~(uint32_t{1} << g);
  if (!s->waiting) s->data = s->withheld;
}
/// Ends a group: its inputs are left alone again, and what it has made is there.
void close(int g);

/// Runs a group, or comes nearer to it: whoever calls looks again whether it waits. wanted_result:
/// the storage of the result that is asked for, null where all that somebody holds is.
void run_group(int g, const Storage* wanted_result = nullptr);
void settle_storage(Storage* s);

}  // namespace flambeau::waiting
