#include "dispatch/rows.h"

#include <cstring>

#include "dispatch/cuda_launch.h"
#include "runtime/threads.h"

namespace flambeau {

/// A block of threads for each row.
static void run_rows_on_device(RowsKernel kernel, const RowOperands& operands, int64_t n_rows,
                               int64_t row_len) {
  // Parameters: sizes, pointers (of a number its value), strides; see flambeau/kernels/gpu/rows.py.
  int64_t sizes[] = {n_rows, row_len};
  uint64_t pointers[max_operands] = {};
  char letters[max_operands + 1];
  for (int k = 0; k < operands.n; ++k) {
    letters[k] = operands.numbers[k] ? 'v' : 'p';
    if (operands.numbers[k])
      std::memcpy(&pointers[k], operands.ptrs[k], 8);
    else
      pointers[k] = reinterpret_cast<uint64_t>(operands.ptrs[k]);
  }
  void* parameters[] = {sizes, pointers, const_cast<int64_t*>(operands.strides)};
  cuda::Shape shape;
  const int size = row_len < 1024 ? 0 : row_len < 4096 ? 1 : 2;
  letters[operands.n] = static_cast<char>('a' + size);
  shape.threads = 128u << size;
  shape.blocks = std::min<int64_t>(n_rows, 1 << 16);
  cuda::Handle function =
      cuda::kernel_of(reinterpret_cast<const void*>(kernel),
                      {letters, static_cast<size_t>(operands.n) + 1}, operands.device);
  cuda::launch(function, operands.device, shape, parameters, "a kernel of rows");
}

void run_rows(RowsKernel kernel, const RowOperands& operands, int64_t n_rows, int64_t row_len) {
  if (n_rows <= 0) return;
  if (operands.device >= 0) [[unlikely]]
    return run_rows_on_device(kernel, operands, n_rows, row_len);
  int64_t per_chunk = std::max<int64_t>(1, grain / std::max<int64_t>(row_len, 1));
  LongWork unlocked(n_rows * row_len >= grain);
  if (n_rows <= per_chunk) {
    kernel(n_rows, row_len, operands.ptrs, operands.strides, 0);
    return;
  }
  parallel_ranges(n_rows, per_chunk, [&](int64_t begin, int64_t end) {
    char* at[max_operands];
    for (int i = 0; i < operands.n; ++i) at[i] = operands.ptrs[i] + begin * operands.strides[i];
    kernel(end - begin, row_len, at, operands.strides, begin);
  });
}

void run_rows_of(RowsKernel kernel, const std::vector<TensorRef>& outputs,
                 const std::vector<TensorRef>& inputs, std::string_view kinds, int64_t n_rows,
                 int64_t row_len) {
  RowOperands operands;
  const bool meta = device_for_results() == on_meta;
  auto add = [&](const Tensor& t) {
    const int n = operands.n;
    check(n < max_operands && n < static_cast<int>(kinds.size()),
          [] { return message("_rows(): too many operands."); });
    check(t.contiguous, [] { return message("_rows(): operands must be contiguous."); });
    const int64_t width = kinds[static_cast<size_t>(n)] == 'v' ? row_len : 1;
    check(t.numel == width * n_rows || t.numel == width, [&] {
      return message("_rows(): operand ", n, " has shape ", shape(t), " for ", n_rows, " rows of ",
                     row_len, ".");
    });
    const bool own_rows = t.numel == width * n_rows && n_rows > 1;
    if (meta)
      ++operands.n;
    else
      operands.add(t, own_rows ? width * itemsize(t.dtype) : 0);
  };
  for (const TensorRef& t : outputs) add(*t);
  for (const TensorRef& t : inputs) add(*t);
  if (!meta) run_rows(kernel, operands, n_rows, row_len);
  for (const TensorRef& t : outputs) t->bump_version("rows");
}

namespace {

template <class T>
double total_of(const T* values, int64_t n) {
  double lanes[8] = {};  // so that additions do not wait for each other
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; ++k) lanes[k] += static_cast<double>(values[i + k]);
  for (int k = 0; i < n; ++i, ++k) lanes[k] += static_cast<double>(values[i]);
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

}  // namespace

double total_of(const void* values, DType dtype, int64_t n) {
  return dtype == DType::float64 ? total_of(static_cast<const double*>(values), n)
                                 : total_of(static_cast<const float*>(values), n);
}

}  // namespace flambeau
