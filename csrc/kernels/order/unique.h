// Distinct values or rows, as places in the input: the values themselves are an index_select away.
// Contiguous memory, any thread, no GIL; no complex dtypes. NaNs are distinct from one another.
#pragma once
#include <vector>

#include "tensor/dtype.h"

namespace flambeau {

struct Unique {
  std::vector<int64_t> first;    // for each distinct value: the place of its first occurrence
  std::vector<int64_t> inverse;  // for each place of the input: which distinct value stands there
  std::vector<int64_t> counts;   // for each distinct value: how often
};

/// The distinct rows of data, `n` rows of `width` elements each. Ascending (lexicographic) order;
/// with `consecutive` only neighbours are compared and the order is that of the input. What is not
/// wanted stays empty.
Unique unique(const void* data, DType dtype, int64_t n, int64_t width, bool consecutive,
              bool wants_inverse, bool wants_counts);

/// Writes the elements that differ from the one before them to memory for n, and returns how many.
int64_t without_repeats(void* out, const void* data, DType dtype, int64_t n);
/// The same for threads: how many differ, up to each chunk of the data; then each writes its own.
std::vector<int64_t> count_changes(const void* data, DType dtype, int64_t n);
void without_repeats(void* out, const void* data, DType dtype, int64_t n,
                     const std::vector<int64_t>& before);

}  // namespace flambeau
