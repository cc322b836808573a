// A random order of the integers below n.
#pragma once
#include <cstdint>

namespace flambeau {

/// out = 0 ... n - 1 in an order that is drawn evenly from all n!, by (seed, call) alone: the same
/// for any number of threads. Any thread, no GIL.
void random_order(int64_t n, uint64_t seed, uint64_t call, int64_t* out);

}  // namespace flambeau
