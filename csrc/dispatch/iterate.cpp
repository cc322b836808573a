#include "dispatch/iterate.h"

#include <algorithm>

#if defined(__GLIBC__)
#include <cxxabi.h>
#include <unistd.h>
#endif

#include "runtime/threads.h"

namespace flambeau {

void take_gil_back(PyThreadState* state) noexcept {
#if defined(__GLIBC__)
  try {
    PyEval_RestoreThread(state);
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
#else
  PyEval_RestoreThread(state);
#endif
}

Loop::Loop(const Dims& sizes, const Operand* operands, int n, bool keep_order)
    : n_(n), numel_(sizes.product()) {
  int order[max_long_dims], nd = 0;
  for (int d = sizes.n - 1; d >= 0 && numel_ > 0; --d)
    if (sizes[d] != 1) order[nd++] = d;
  if (!keep_order) {
    // Innermost is where the outputs, then the inputs, move least.
    auto before = [&](int a, int b) {
      for (int i = 0; i < n; ++i) {
        int64_t x = std::abs(operands[i].strides[a]), y = std::abs(operands[i].strides[b]);
        if (x == 0 || y == 0) continue;
        if (x != y) return x < y;
      }
      return false;
    };
    for (int i = 1; i < nd; ++i)
      for (int j = i; j > 0 && before(order[j], order[j - 1]); --j)
        std::swap(order[j], order[j - 1]);
  }
  ndim_ = 0;
  for (int k = 0; k < nd; ++k) {
    int d = order[k];
    bool merge = ndim_ > 0;
    for (int i = 0; i < n && merge; ++i)
      merge = operands[i].strides[d] * operands[i].itemsize ==
              strides_[ndim_ - 1][i] * sizes_[ndim_ - 1];
    if (merge) {
      sizes_[ndim_ - 1] *= sizes[d];
      continue;
    }
    sizes_[ndim_] = sizes[d];
    for (int i = 0; i < n; ++i) strides_[ndim_][i] = operands[i].strides[d] * operands[i].itemsize;
    ++ndim_;
  }
  if (ndim_ == 0) {
    sizes_[0] = 1;
    for (int i = 0; i < n; ++i) strides_[0][i] = operands[i].itemsize;
    ndim_ = 1;
  }
  for (int i = 0; i < n; ++i) {
    data_[i] = static_cast<char*>(operands[i].data);
    modes_[i] = strides_[0][i] == operands[i].itemsize ? Mode::contiguous
                : strides_[0][i] == 0                  ? Mode::scalar
                                                       : Mode::general;
  }
}

/// Rows are runs of the inner dimension, counted over all others.
void Loop::run_rows(MapKernel kernel, int64_t first, int64_t last) const {
  static constexpr int64_t none[max_operands] = {};
  char* at[max_operands];
  int64_t inner = sizes_[0];
  while (first < last) {
    int64_t rest = first, position = 0, batch = 1;
    std::copy(data_, data_ + n_, at);
    for (int d = 1; d < ndim_; ++d) {
      int64_t i = rest % sizes_[d];
      rest /= sizes_[d];
      if (d == 1) position = i;
      for (int k = 0; k < n_; ++k) at[k] += i * strides_[d][k];
    }
    if (ndim_ > 1) batch = std::min(sizes_[1] - position, last - first);
    kernel(inner, batch, first * inner, at, strides_[0], ndim_ > 1 ? strides_[1] : none);
    first += batch;
  }
}

void run_elements(MapKernel kernel, int64_t numel, char* const* data, const int64_t* strides, int n,
                  int64_t grain) {
  static constexpr int64_t none[max_operands] = {};
  LongWork unlocked(numel > 2 * grain);
  if (numel <= 2 * grain || runs_serially()) {
    kernel(numel, 1, 0, data, strides, none);
    return;
  }
  parallel_ranges(numel, grain, [&](int64_t begin, int64_t end) {
    char* at[max_operands];
    for (int k = 0; k < n; ++k) at[k] = data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  });
}

void Loop::run(MapKernel kernel) const {
  if (numel_ == 0) return;
  if (ndim_ == 1) {
    run_elements(kernel, numel_, data_, strides_[0], n_, grain);
    return;
  }
  LongWork unlocked(numel_ >= grain);
  int64_t rows = numel_ / sizes_[0];
  if (numel_ <= 2 * grain || runs_serially()) {
    run_rows(kernel, 0, rows);
    return;
  }
  int64_t rows_per_chunk = std::max<int64_t>(1, grain / sizes_[0]);
  parallel_ranges(rows, rows_per_chunk,
                  [&](int64_t begin, int64_t end) { run_rows(kernel, begin, end); });
}

}  // namespace flambeau
