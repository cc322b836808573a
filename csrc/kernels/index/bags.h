// Bags of rows: the sum, or the mean, of the rows of a matrix that each bag of indices names.
// Raw contiguous memory, any thread, no GIL.
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace flambeau {

/// Bag b holds index[begins[b]] up to index[begins[b + 1]], or `length` indices where begins is
/// null; the last one ends at `n`.
struct Bags {
  const int64_t* index;
  int64_t n;
  const int64_t* begins;
  int64_t count, length;

  int64_t begin(int64_t b) const { return b == count ? n : begins ? begins[b] : b * length; }
  /// Whether each bag ends where it begins or behind, and none behind the last index.
  bool ascend() const;
};

/// out (count, width) from weight (rows, width) of floating dtype; an empty bag gives 0. Every bag
/// sums its rows in their order, halves in float32. False where an index lies outside or a bag ends
/// before it begins; out is not whole then.
bool sum_bags(const Bags& bags, DType dtype, const void* weight, int64_t rows, int64_t width,
              bool mean, void* out);

}  // namespace flambeau
