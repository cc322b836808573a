// What the steps of all recurrences share: the product with the recurrent weights, packed once, and
// how a sequence is cut into tasks. Raw memory, no GIL, any thread.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/gemm/problem.h"
#include "kernels/gemm/simd.h"
#include "kernels/recurrent/sequence.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau::recurrent {

enum Slot { packed_slot, step_slot };

/// Products, and elements of gates, that are worth a task.
constexpr int64_t task_products = 1 << 20, task_elements = 1 << 12;

/// Rows of a tile of a product; fewer for a thread would leave its registers empty.
constexpr int64_t least_rows = 8;

/// C (rows, N) = A (rows, K) B + bias, or + C, whose B is packed once, into memory of the calling
/// thread, and used at every step, panel by panel. (A panel comes from the second-level cache, or
/// from the third, for each tile of rows: the processor's own prefetching keeps up.)
template <class T>
class StepProduct {
 public:
  /// B's element (k, j) is b[k * row + j * column]; one of them is 1.
  StepProduct(const SequenceShape& shape, int64_t N, int64_t K, const T* b, int64_t row,
              int64_t column)
      : N_(N), K_(K), b_(b), row_(row), column_(column) {
    if (is_short(shape)) return;
    packed_ = Workspace::get<T>(packed_slot, round_up(N, kernels_.lanes) * K);
    if (row == 1)
      kernels_.pack_b_columns(K, N, b, column, 0, panels_.n_parts, packed_);
    else
      kernels_.pack_b_rows(K, N, b, row, column, 0, K, packed_);
  }

  int64_t width() const { return N_; }

  void run(int64_t rows, const T* a, T* c, const T* bias, bool add) const {
    if (!packed_) return run_in_place(rows, a, c, bias, add);
    const int64_t work = std::max<int64_t>(1, rows * K_ * kernels_.panel * kernels_.lanes);
    const Spread tasks(panels_.n_parts, ceil_div(task_products, work));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      const int64_t first = tasks.begin(task), last = tasks.begin(task + 1);
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t n0 = column(panel);
        GemmBlock<T> g = {};
        g.M = rows, g.N = column(panel + 1) - n0, g.K = K_;
        g.a = a, g.a_row = K_, g.a_column = 1;
        g.b = packed_ + n0 * K_;
        g.c = c + n0, g.c_row = N_;
        g.packed_b = g.large = true;
        g.alpha = T(1), g.beta = T(add);
        g.column_bias = bias ? bias + n0 : nullptr;
        kernels_.block(g);
      }
    });
  }

 private:
  /// Whether packing costs more than it saves; never of a batch that threads may cut.
  static bool is_short(const SequenceShape& shape) {
    return (shape.steps == 1 && shape.batch < 2 * least_rows) ||
           (shape.steps <= 3 && shape.batch <= 4);
  }

  void run_in_place(int64_t rows, const T* a, T* c, const T* bias, bool add) const {
    Gemm<T> g;
    g.M = rows, g.N = N_, g.K = K_;
    g.a = a, g.lda = K_;
    g.b = b_, g.trans_b = row_ == 1, g.ldb = g.trans_b ? column_ : row_;
    g.c = c, g.ldc = N_;
    g.beta = T(add);
    g.epilogue.bias = bias;
    gemm(g);
  }

  int64_t column(int64_t panel) const {
    return std::min(N_, panels_.begin(panel) * kernels_.lanes);
  }

  const GemmKernels<T>& kernels_ = gemm_kernels<T>();
  int64_t N_, K_;
  const T* b_;
  int64_t row_, column_;
  const Spread panels_{ceil_div(N_, kernels_.lanes), kernels_.panel};
  T* packed_ = nullptr;
};

/// Calls visit(first row of the step, first and last of the batch) for the steps in the order of
/// computation, or against it. Sequences do not wait for each other: where the batch is large
/// enough, each thread takes a part of it through all steps; else threads share the work of a step.
/// A row has the same bits whatever rows are beside it.
template <class Visit>
void each_step(const SequenceShape& shape, bool reversed, Visit&& visit) {
  std::vector<int64_t> first(shape.steps + 1, 0);
  for (int64_t t = 0; t < shape.steps; ++t) first[t + 1] = first[t] + shape.rows(t);
  const int64_t n_threads = runs_serially() ? 1 : get_num_threads();
  int64_t n_parts = std::clamp<int64_t>(shape.batch / least_rows, 1, n_threads);
  if (n_parts * 2 < n_threads || first.back() * 4 * shape.units * shape.units < task_products)
    n_parts = 1;
  const Spread parts(shape.batch, ceil_div(shape.batch, n_parts));
  parallel_for(parts.n_parts, [&](int64_t part) {
    const int64_t begin = parts.begin(part), end = begin + parts.length(part);
    for (int64_t i = 0; i < shape.steps; ++i) {
      const int64_t t = shape.backwards != reversed ? shape.steps - 1 - i : i;
      const int64_t last = std::min(end, shape.rows(t));
      if (begin < last) visit(first[t], begin, last);
    }
  });
}

/// Calls row(r) for each row from `first` to `last`, of `units`.
template <class Row>
void each_row(int64_t first, int64_t last, int64_t units, Row&& row) {
  parallel_ranges(last - first, std::max<int64_t>(1, task_elements / units),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t r = begin; r < end; ++r) row(first + r);
                  });
}

/// Forward through all steps: sums_of(first row) is where a step's products go, each row as long as
/// the product is wide; step(row of all, row of the batch, its sums) makes the next state of h from
/// them, which is written to output; had_h, unless it is null, gets the state before.
template <class T, class Sums, class Step>
void run_forward(const SequenceShape& shape, const StepProduct<T>& product, const T* bias, T* h,
                 T* had_h, T* output, Sums&& sums_of, Step&& step) {
  const int64_t H = shape.units, width = product.width();
  each_step(shape, false, [&](int64_t first, int64_t begin, int64_t end) {
    T* sums = sums_of(first);
    product.run(end - begin, h + begin * H, sums + begin * width, bias, false);
    each_row(begin, end, H, [&](int64_t r) {
      if (had_h) std::copy_n(h + r * H, H, had_h + (first + r) * H);
      step(first + r, r, sums + r * width);
      std::copy_n(h + r * H, H, output + (first + r) * H);
    });
  });
}

/// And back: step(row of all, row of the batch, gradients of its sums) makes these, `width` of a
/// row, from that of the state, whose own gradient is then their product with the weights, added to
/// what the step left if `add`.
template <class T, class Step>
void run_backward(const SequenceShape& shape, const StepProduct<T>& product, int64_t width,
                  const T* grad_output, T* grad_h, T* grad_sums, bool add, Step&& step) {
  const int64_t H = shape.units;
  each_step(shape, true, [&](int64_t first, int64_t begin, int64_t end) {
    T* sums = grad_sums + first * width;
    each_row(begin, end, H, [&](int64_t r) {
      const T* more = grad_output + (first + r) * H;
      for (int64_t j = 0; j < H; ++j) grad_h[r * H + j] += more[j];
      step(first + r, r, sums + r * width);
    });
    product.run(end - begin, sums + begin * width, grad_h + begin * H, nullptr, add);
  });
}

}  // namespace flambeau::recurrent
