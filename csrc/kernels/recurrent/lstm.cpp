#include "kernels/recurrent/lstm.h"

#include <algorithm>
#include <vector>

#include "kernels/gemm/simd.h"
#include "kernels/recurrent/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { packed_slot, step_slot };

/// Products, and elements of gates, that are worth a task.
constexpr int64_t task_products = 1 << 20, task_elements = 1 << 12;

/// C (rows, N) = A (rows, K) B + bias, whose B is packed once, into memory of the calling thread,
/// and used at every step.
template <class T>
class StepProduct {
 public:
  /// B's element (k, j) is b[k * row + j * column]; one of them is 1.
  StepProduct(int64_t N, int64_t K, const T* b, int64_t row, int64_t column) : N_(N), K_(K) {
    packed_ = Workspace::get<T>(packed_slot, round_up(N, kernels_.lanes) * K);
    if (row == 1) {
      const Spread panels(ceil_div(N, kernels_.lanes), kernels_.panel);
      kernels_.pack_b_columns(K, N, b, column, 0, panels.n_parts, packed_);
    } else {
      kernels_.pack_b_rows(K, N, b, row, column, 0, K, packed_);
    }
  }

  void run(int64_t rows, const T* a, T* c, const T* bias) const {
    const Spread panels(ceil_div(N_, kernels_.lanes), kernels_.panel);
    auto column = [&](int64_t panel) { return std::min(N_, panels.begin(panel) * kernels_.lanes); };
    const int64_t work = std::max<int64_t>(1, rows * K_ * kernels_.panel * kernels_.lanes);
    const Spread tasks(panels.n_parts, ceil_div(task_products, work));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      const int64_t n0 = column(tasks.begin(task)), n1 = column(tasks.begin(task + 1));
      GemmBlock<T> g = {};
      g.M = rows, g.N = n1 - n0, g.K = K_;
      g.a = a, g.a_row = K_, g.a_column = 1;
      g.b = packed_ + n0 * K_;
      g.c = c + n0, g.c_row = N_;
      g.packed_b = true;
      g.alpha = T(1);
      g.column_bias = bias ? bias + n0 : nullptr;
      kernels_.block(g);
    });
  }

 private:
  const GemmKernels<T>& kernels_ = gemm_kernels<T>();
  int64_t N_, K_;
  T* packed_;
};

/// Rows of a tile of a product; fewer for a thread would leave its registers empty.
constexpr int64_t least_rows = 8;

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

}  // namespace

template <class T>
void lstm(const SequenceShape& shape, const LstmForward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(4 * H, H, task.weight, 1, H);
  const auto& kernels = lstm_kernels<T>();
  const bool keeps = task.gates;
  T* const step = keeps ? nullptr : Workspace::get<T>(step_slot, shape.batch * 4 * H);
  each_step(shape, false, [&](int64_t first, int64_t begin, int64_t end) {
    const T* inputs = task.inputs + first * 4 * H;
    T* gates = keeps ? task.gates + first * 4 * H : step;
    product.run(end - begin, task.h + begin * H, gates + begin * 4 * H, task.bias);
    each_row(begin, end, H, [&](int64_t r) {
      T *h = task.h + r * H, *c = task.c + r * H;
      if (keeps) {
        std::copy_n(h, H, task.had_h + (first + r) * H);
        std::copy_n(c, H, task.had_c + (first + r) * H);
      }
      kernels.step(H, inputs + r * 4 * H, gates + r * 4 * H, c, h);
      std::copy_n(h, H, task.output + (first + r) * H);
    });
  });
}

template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(H, 4 * H, task.weight, H, 1);
  const auto& kernels = lstm_kernels<T>();
  each_step(shape, true, [&](int64_t first, int64_t begin, int64_t end) {
    T* grad_gates = task.grad_gates + first * 4 * H;
    each_row(begin, end, H, [&](int64_t r) {
      T* grad_h = task.grad_h + r * H;
      const T* more = task.grad_output + (first + r) * H;
      for (int64_t j = 0; j < H; ++j) grad_h[j] += more[j];
      kernels.backward(H, task.gates + (first + r) * 4 * H, task.had_c + (first + r) * H, grad_h,
                       task.grad_c + r * H, grad_gates + r * 4 * H);
    });
    product.run(end - begin, grad_gates + begin * 4 * H, task.grad_h + begin * H, nullptr);
  });
}

template void lstm(const SequenceShape&, const LstmForward<float>&);
template void lstm(const SequenceShape&, const LstmForward<double>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<float>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<double>&);

}  // namespace flambeau
