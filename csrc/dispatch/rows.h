// Runs row kernels over the rows of contiguous operands, and the losses that end in one number.
// Work is split by size alone. Needs the GIL, which long runs give up.
#pragma once
#include <string_view>

#include "dispatch/reduce.h"

namespace flambeau {

/// Operands of a row kernel: where their first row is, and bytes from row to row.
struct RowOperands {
  char* ptrs[max_operands];
  int64_t strides[max_operands];
  int n = 0;
  int device = -1;                  // the index of a GPU; -1: the CPU
  bool numbers[max_operands] = {};  // single values that lie on the CPU wherever the rows do
  void add(const Tensor& t, int64_t stride, int64_t byte_offset = 0) {
    if (t.is_cuda()) device = t.device().index;
    ptrs[n] = (t.is_cuda() ? reinterpret_cast<char*>(t.address()) : static_cast<char*>(t.data())) +
              byte_offset;
    strides[n++] = stride;
  }
  /// A single value of at most 8 bytes for all rows.
  void add_number(const void* value) {
    numbers[n] = true;
    ptrs[n] = static_cast<char*>(const_cast<void*>(value));
    strides[n++] = 0;
  }
};

void run_rows(RowsKernel kernel, const RowOperands& operands, int64_t n_rows, int64_t row_len);

/// Over whole tensors, which are contiguous: kinds has for each a 'v' (rows of row_len) or an 'x'
/// (a value for each row; of one element: shared), outputs first.
void run_rows_of(RowsKernel kernel, const std::vector<TensorRef>& outputs,
                 const std::vector<TensorRef>& inputs, std::string_view kinds, int64_t n_rows,
                 int64_t row_len);
inline constexpr std::tuple row_kernel_functions{
    declare<run_rows_of>("_rows", "address, outputs, inputs, kinds, n_rows, row_len")};

/// The sum, in float64, of n numbers of float32 or float64; the same for any number of threads.
double total_of(const void* values, DType dtype, int64_t n);

}  // namespace flambeau
