// Views: other sizes, strides and offset over the same memory, with history. Need the GIL.
#pragma once
#include <vector>

#include "dispatch/basics.h"

namespace flambeau {

/// -1 in sizes is inferred; raises if that is impossible or ambiguous.
void infer_sizes(Dims& sizes, int64_t numel, const char* operator_name);
/// Strides that show t's memory with `sizes`, or false where only a copy can.
bool view_strides(const Tensor& t, const Dims& sizes, Dims& strides);

/// Removes one of the numbers.
inline void drop(Dims& d, int at) {
  for (int i = at; i + 1 < d.n; ++i) d[i] = d[i + 1];
  --d.n;
}
/// The same elements as a view.
TensorRef alias_view(Tensor& t);
TensorRef squeeze(Tensor& t);
TensorRef squeeze(Tensor& t, const Dims& dims);
TensorRef diagonal(Tensor& t, int64_t offset, int64_t dim0, int64_t dim1);
TensorRef unfold(Tensor& t, int64_t dim, int64_t size, int64_t step);
TensorRef view_dtype(Tensor& t, DType dtype);
/// Views along dim of the given sizes (chunk, split), or of each index (unbind).
std::vector<TensorRef> split(Tensor& t, const std::vector<int64_t>& sizes, int64_t dim);
std::vector<TensorRef> unbind(Tensor& t, int64_t dim);

/// One step of a basic index, applied to a growing layout.
struct IndexStep {
  enum class Kind : uint8_t { select, slice, insert, keep } kind;
  int64_t start, stop, step;
};
TensorRef basic_index(Tensor& t, const IndexStep* steps, int n);

}  // namespace flambeau
