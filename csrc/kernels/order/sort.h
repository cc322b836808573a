// Sorting and selecting along one dim: sort, topk, kthvalue, median, mode.
// Every operand has ndim >= 1 and the sizes of self but along dim; indices are int64; no complex
// dtypes. All sorts are stable, NaN is the greatest value, and of equal values the earlier one
// comes first.
#pragma once
#include <vector>

#include "tensor/strided.h"

namespace flambeau {

/// values may be null: argsort.
void sort(const Strided* values, const Strided& indices, const Strided& self, int dim,
          bool descending);

/// The k greatest (least) values with their places; in descending (ascending) order with `sorted`,
/// else in place order.
void topk(const Strided& values, const Strided& indices, const Strided& self, int dim, int64_t k,
          bool largest, bool sorted);

/// The k-th least value, k from 1. values and indices have size 1 along dim.
void kthvalue(const Strided& values, const Strided& indices, const Strided& self, int dim,
              int64_t k);

/// The lower median. A NaN makes it NaN unless ignore_nan.
void median(const Strided& values, const Strided& indices, const Strided& self, int dim,
            bool ignore_nan);

/// The least of the most frequent values, with the place of its last occurrence.
void mode(const Strided& values, const Strided& indices, const Strided& self, int dim);

/// The ascending stable order of n elements that `data` holds contiguously, and whether each
/// differs from the one before it (NaNs do).
struct SortedOrder {
  std::vector<int64_t> places;
  std::vector<bool> differs;
};
SortedOrder sorted_order(const void* data, DType dtype, int64_t n);

}  // namespace flambeau
