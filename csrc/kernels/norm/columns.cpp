#include "kernels/norm/columns.h"

#include <algorithm>

#include "kernels/norm/columns_simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Elements that are worth a task.
constexpr int64_t task_elements = 1 << 13;

/// run(offset, n) for ranges of columns.
template <class Run>
void by_ranges(const Columns& shape, Run&& run) {
  const int64_t length = std::max<int64_t>(1, shape.length);
  // Whole cache lines of several vectors; what remains goes with the last range.
  const int64_t width = round_up(ceil_div(task_elements, length), 64);
  const int64_t cuts = std::max<int64_t>(1, shape.columns / width);
  const int64_t matrix = length * shape.columns;
  const int64_t at_once = cuts > 1 ? 1 : std::max<int64_t>(1, task_elements / matrix);
  parallel_ranges(shape.stacks * cuts, at_once, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % cuts * width;
      const int64_t n = i % cuts == cuts - 1 ? shape.columns - first : width;
      run(i / cuts * matrix + first, n);
    }
  });
}

}  // namespace

template <class T>
void softmax_of_columns(const Columns& shape, bool log, const T* x, T* out) {
  const auto& kernels = column_kernels<T>();
  by_ranges(shape, [&](int64_t at, int64_t n) {
    kernels.softmax(shape.length, n, shape.columns, log, x + at, out + at);
  });
}

template <class T>
void softmax_of_columns_backward(const Columns& shape, bool log, const T* grad, const T* result,
                                 T* out) {
  const auto& kernels = column_kernels<T>();
  by_ranges(shape, [&](int64_t at, int64_t n) {
    kernels.softmax_backward(shape.length, n, shape.columns, log, grad + at, result + at, out + at);
  });
}

template void softmax_of_columns(const Columns&, bool, const float*, float*);
template void softmax_of_columns(const Columns&, bool, const double*, double*);
template void softmax_of_columns_backward(const Columns&, bool, const float*, const float*, float*);
template void softmax_of_columns_backward(const Columns&, bool, const double*, const double*,
                                          double*);

}  // namespace flambeau
