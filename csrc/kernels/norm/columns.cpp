#include "kernels/norm/columns.h"

#include <algorithm>

#include "kernels/elements/convert.h"
#include "kernels/norm/columns_simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { strip_slot = 4 };

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

/// Some columns of halves as float32, side by side, or back.
template <class From, class To>
void convert_strip(int64_t length, int64_t n, const From* from, int64_t step, To* to,
                   int64_t to_step) {
  if (n == step && n == to_step) return convert(from, to, length * n);
  for (int64_t i = 0; i < length; ++i) convert(from + i * step, to + i * to_step, n);
}

template <class E>
void softmax_of_halves(const Columns& shape, bool log, const E* x, E* out) {
  const auto& kernels = column_kernels<float>();
  by_ranges(shape, [&](int64_t at, int64_t n) {
    const int64_t length = shape.length, step = shape.columns;
    float* wide = Workspace::get<float>(strip_slot, static_cast<size_t>(2 * length * n));
    float* made = wide + length * n;
    convert_strip(length, n, x + at, step, wide, n);
    kernels.softmax(length, n, n, log, wide, made);
    convert_strip(length, n, made, n, out + at, step);
  });
}

template <class E>
void softmax_of_halves_backward(const Columns& shape, bool log, const E* grad, const E* result,
                                E* out) {
  const auto& kernels = column_kernels<float>();
  by_ranges(shape, [&](int64_t at, int64_t n) {
    const int64_t length = shape.length, step = shape.columns, strip = length * n;
    float* wide = Workspace::get<float>(strip_slot, static_cast<size_t>(3 * strip));
    convert_strip(length, n, grad + at, step, wide, n);
    convert_strip(length, n, result + at, step, wide + strip, n);
    kernels.softmax_backward(length, n, n, log, wide, wide + strip, wide + 2 * strip);
    convert_strip(length, n, wide + 2 * strip, n, out + at, step);
  });
}

}  // namespace

template <class T>
void softmax_of_columns(const Columns& shape, bool log, const T* x, T* out) {
  if constexpr (is_half_type<T>)
    return softmax_of_halves(shape, log, x, out);
  else {
    const auto& kernels = column_kernels<T>();
    by_ranges(shape, [&](int64_t at, int64_t n) {
      kernels.softmax(shape.length, n, shape.columns, log, x + at, out + at);
    });
  }
}

template <class T>
void softmax_of_columns_backward(const Columns& shape, bool log, const T* grad, const T* result,
                                 T* out) {
  if constexpr (is_half_type<T>)
    return softmax_of_halves_backward(shape, log, grad, result, out);
  else {
    const auto& kernels = column_kernels<T>();
    by_ranges(shape, [&](int64_t at, int64_t n) {
      kernels.softmax_backward(shape.length, n, shape.columns, log, grad + at, result + at,
                               out + at);
    });
  }
}

#define FLAMBEAU_COLUMNS(T)                                             \
  template void softmax_of_columns(const Columns&, bool, const T*, T*); \
  template void softmax_of_columns_backward(const Columns&, bool, const T*, const T*, T*);
FLAMBEAU_COLUMNS(float)
FLAMBEAU_COLUMNS(double)
FLAMBEAU_COLUMNS(float16)
FLAMBEAU_COLUMNS(bfloat16)

}  // namespace flambeau
