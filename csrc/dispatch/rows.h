// Runs row kernels over the rows of contiguous operands, and the losses that end in one number.
// Work is split by size alone. Needs the GIL, which long runs give up.
#pragma once
#include "dispatch/reduce.h"

namespace flambeau {

/// Operands of a row kernel: where their first row is, and bytes from row to row.
struct RowOperands {
  char* ptrs[max_operands];
  int64_t strides[max_operands];
  int n = 0;
  void add(void* data, int64_t stride) {
    ptrs[n] = static_cast<char*>(data);
    strides[n++] = stride;
  }
};

void run_rows(RowsKernel kernel, const RowOperands& operands, int64_t n_rows, int64_t row_len);

/// The sum, in float64, of n numbers of float32 or float64; the same for any number of threads.
double total_of(const void* values, DType dtype, int64_t n);

}  // namespace flambeau
