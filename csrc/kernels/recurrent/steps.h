// What the steps of all recurrences share: the product with the recurrent weights, packed once, and
// how a sequence is cut into tasks. Raw memory, no GIL, any thread.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/gemm/simd.h"
#include "kernels/recurrent/sequence.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau::recurrent {

enum Slot { packed_slot, step_slot };

/// Products, and elements of gates, that are worth a task.
constexpr int64_t task_products = 1 << 20, task_elements = 1 << 12;

/// Of a panel of the weights so many lines of the cache, 16 of K each, stay in the first-level
/// cache while the rows of a step pass by.
constexpr int64_t most_lines = 8;
/// Weights beyond this do not stay in the second-level cache from step to step.
constexpr int64_t near_bytes = 512 << 10;

/// C (rows, N) = A (rows, K) B + bias, or + C, whose B is packed once, into memory of the calling
/// thread, and used at every step: slice by slice of K, a slice panel by panel.
template <class T>
class StepProduct {
 public:
  /// B's element (k, j) is b[k * row + j * column]; one of them is 1.
  StepProduct(int64_t N, int64_t K, const T* b, int64_t row, int64_t column) : N_(N), K_(K) {
    packed_ = Workspace::get<T>(packed_slot, columns_ * K);
    for (int64_t slice = 0; slice < slices_.n_parts; ++slice) {
      const int64_t k0 = begin(slice), depth = begin(slice + 1) - k0;
      T* to = packed_ + columns_ * k0;
      if (row == 1)
        kernels_.pack_b_columns(depth, N, b + k0, column, 0, panels_.n_parts, to);
      else
        kernels_.pack_b_rows(depth, N, b + k0 * row, row, column, 0, depth, to);
    }
  }

  int64_t width() const { return N_; }

  void run(int64_t rows, const T* a, T* c, const T* bias, bool add) const {
    const int64_t work = std::max<int64_t>(1, rows * K_ * kernels_.panel * kernels_.lanes);
    const Spread tasks(panels_.n_parts, ceil_div(task_products, work));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      const int64_t first = tasks.begin(task), last = tasks.begin(task + 1);
      for (int64_t panel = first; panel < last; ++panel)
        for (int64_t slice = 0; slice < slices_.n_parts; ++slice) {
          const int64_t n0 = column(panel), k0 = begin(slice);
          GemmBlock<T> g = {};
          g.M = rows, g.N = column(panel + 1) - n0, g.K = begin(slice + 1) - k0;
          g.a = a + k0, g.a_row = K_, g.a_column = 1;
          g.b = packed_at(panel, slice);
          g.c = c + n0, g.c_row = N_;
          g.packed_b = g.large = true;
          g.alpha = T(1), g.beta = T(add || slice > 0);
          g.column_bias = bias && slice + 1 == slices_.n_parts ? bias + n0 : nullptr;
          Fetch fetch;
          if (comes_from_afar()) {
            const bool below = slice + 1 < slices_.n_parts;
            fetch = fetch_of(below              ? panel
                             : panel + 1 < last ? panel + 1
                                                : first,
                             below ? slice + 1 : 0, ceil_div(rows, kernels_.panel_rows), g.K);
            g.fetch = &fetch;
          }
          kernels_.block(g);
        }
    });
  }

 private:
  bool comes_from_afar() const {
    return columns_ * K_ * static_cast<int64_t>(sizeof(T)) > near_bytes;
  }
  int64_t begin(int64_t slice) const { return std::min(K_, slices_.begin(slice) * 16); }
  int64_t column(int64_t panel) const {
    return std::min(N_, panels_.begin(panel) * kernels_.lanes);
  }
  const T* packed_at(int64_t panel, int64_t slice) const {
    return packed_ + columns_ * begin(slice) + column(panel) * (begin(slice + 1) - begin(slice));
  }
  /// A panel's slice, fetched during so many tiles of some depth.
  Fetch fetch_of(int64_t panel, int64_t slice, int64_t n_tiles, int64_t depth) const {
    const int64_t size = panels_.length(panel) * kernels_.lanes * (begin(slice + 1) - begin(slice));
    Fetch f;
    f.at = reinterpret_cast<const char*>(packed_at(panel, slice));
    f.n_left = f.lines = ceil_div(size * static_cast<int64_t>(sizeof(T)), 64);
    f.at_once = ceil_div(f.n_left, n_tiles * ceil_div(depth * static_cast<int64_t>(sizeof(T)), 64));
    return f;
  }

  const GemmKernels<T>& kernels_ = gemm_kernels<T>();
  int64_t N_, K_;
  const int64_t columns_ = round_up(N_, kernels_.lanes);
  const Spread panels_{ceil_div(N_, kernels_.lanes), kernels_.panel};
  const Spread slices_{ceil_div(K_, 16), most_lines};
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
