#include "kernels/vision/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { lanes_slot = 4 };

/// Elements of the result that are worth a task.
constexpr int64_t task_elements = 1 << 15;

template <class T>
class Resize {
 public:
  using Sum = resize_sum_t<T>;
  /// Of fewer rows most lanes of a vector would be empty.
  static constexpr int64_t few_rows = 5;

  explicit Resize(const ResizeWindows<T>& windows)
      : w_(windows.windows),
        bits_(windows.bits),
        pairs_(windows.pairs),
        weights_(windows.weights.data()),
        kernels_(resize_kernels<T>()) {}

  /// Whether sums of two, one by one, cost less than bringing the rows into lanes and back. A
  /// vector's elements of one place cost as much to load or to sum as some five such sums.
  bool is_few_pairs(int64_t n_rows) const {
    constexpr int64_t sums = 5;
    const int64_t groups = ceil_div(n_rows, static_cast<int64_t>(kernels_.lanes));
    return pairs_ && n_rows * w_.out_size < sums * groups * (w_.in_size + w_.out_size);
  }

  /// Elements of a row change among themselves, and nearly all are sums of two: four rows at once.
  void paired_columns(int64_t n_rows, const T* in, T* out) const {
    constexpr int64_t rows = ResizeKernels<T>::paired_rows;
    const int64_t at_once = std::min(task_elements / rows, w_.out_size);
    const int64_t parts = ceil_div(w_.out_size, at_once), quads = ceil_div(n_rows, rows);
    const int64_t blocks = std::max<int64_t>(1, task_elements / (rows * at_once));
    parallel_ranges(quads * parts, blocks, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        const int64_t row = t / parts * rows, left = n_rows - row;
        const int64_t begin = t % parts * at_once, end = std::min(w_.out_size, begin + at_once);
        const T* from = in + row * w_.in_size;
        T* to = out + row * w_.out_size;
        const int64_t n_left = std::min(left, rows);
        kernels_.mix_pairs(n_left, begin, std::min(end, pairs_), from, w_.in_size, w_.begin.data(),
                           weights_, to, w_.out_size);
        for (int64_t r = 0; r < n_left; ++r)
          sums_of_any(std::max(begin, pairs_), end, from + r * w_.in_size, to + r * w_.out_size);
      }
    });
    mend_edges(0, n_rows, 1, in, out);
  }

  /// Elements that change lie in different rows: whole rows are added up.
  void rows(int64_t outer, int64_t inner, const T* in, T* out) const {
    const int64_t at_once = std::max<int64_t>(1, task_elements / inner);
    parallel_ranges(outer * w_.out_size, at_once, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const int64_t o = index / w_.out_size, i = index % w_.out_size;
        kernels_.mix_rows(w_.count(i), in + (o * w_.in_size + w_.begin[i]) * inner, inner,
                          weights_ + w_.first[i], bits_, inner, out + index * inner);
      }
    });
    if (!w_.edges.empty())
      parallel_ranges(outer, std::max<int64_t>(1, task_elements / inner),
                      [&](int64_t begin, int64_t end) { mend_edges(begin, end, inner, in, out); });
  }

  /// Elements of a row change among themselves, of a few rows only: one after the other.
  void single_columns(int64_t n_rows, const T* in, T* out) const {
    const int64_t at_once = std::min(task_elements / 4, w_.out_size);
    const int64_t parts = ceil_div(w_.out_size, at_once);
    parallel_for(n_rows * parts, [&](int64_t part) {
      const T* from = in + part / parts * w_.in_size;
      T* to = out + part / parts * w_.out_size;
      const int64_t begin = part % parts * at_once, end = std::min(w_.out_size, begin + at_once);
      sums_of_any(begin, end, from, to);
    });
    mend_edges(0, n_rows, 1, in, out);
  }

  /// Elements of a row change among themselves: as many rows at once as a vector has lanes.
  void columns(int64_t n_rows, const T* in, T* out) const {
    const int64_t lanes = kernels_.lanes;
    const int64_t at_once =
        round_up(std::max<int64_t>(1, task_elements / std::max(w_.in_size, w_.out_size)), lanes);
    parallel_ranges(n_rows, at_once, [&](int64_t begin, int64_t end) {
      Sum* turned = Workspace::get<Sum>(lanes_slot, w_.in_size * lanes);
      for (int64_t r = begin; r < end; r += lanes) {
        const int64_t n = std::min(lanes, end - r);
        kernels_.load_rows(n, w_.in_size, in + r * w_.in_size, w_.in_size, turned);
        kernels_.mix_columns(n, w_.out_size, turned, w_.begin.data(), w_.first.data(), weights_,
                             bits_, out + r * w_.out_size, w_.out_size);
        mend_edges(r, r + n, 1, in, out);
      }
    });
  }

  /// Makes NaN of an infinity at an edge that has weights of 0 or of both signs, in outer images
  /// [begin, end).
  void mend_edges(int64_t begin, int64_t end, int64_t inner, const T* in, T* out) const {
    if constexpr (std::is_same_v<T, uint8_t>) return;
    if (w_.edges.empty()) return;
    const int64_t edges[2] = {0, w_.in_size - 1};
    for (int64_t o = begin; o < end; ++o)
      for (int64_t edge : edges) {
        const T* at = in + (o * w_.in_size + edge) * inner;
        int found = 0;
        for (int64_t i = 0; i < inner; ++i)
          found |= !(std::abs(at[i]) <= std::numeric_limits<T>::max());
        if (!found) continue;
        for (auto [to, from] : w_.edges)
          for (int64_t i = 0; from == edge && i < inner; ++i)
            out[(o * w_.out_size + to) * inner + i] += at[i] * T(0);
      }
  }

 private:
  /// Places [begin, end) of a row.
  void sums_of_any(int64_t begin, int64_t end, const T* from, T* to) const {
    for (int64_t i = begin; i < end; ++i) {
      const Sum* weight = weights_ + w_.first[i];
      const T* at = from + w_.begin[i];
      const int64_t count = w_.count(i);
      Sum sum = 0;
      for (int64_t k = 0; k < count; ++k) sum += weight[k] * static_cast<Sum>(at[k]);
      to[i] = static_cast<T>(sum);
    }
  }

  const Windows& w_;
  int bits_;
  int64_t pairs_;
  const Sum* weights_;
  const ResizeKernels<T>& kernels_;
};

}  // namespace

template <class T>
ResizeWindows<T>::ResizeWindows(Windows given) : windows(std::move(given)) {
  if (std::is_same_v<T, uint8_t>) bits = windows.to_multiples();
  weights.assign(windows.weights.begin(), windows.weights.end());
  windows.weights = {};
  pairs = windows.leading_pairs();
  for (int64_t i = pairs; i < windows.out_size; ++i)
    if (windows.count(i) > 1) pairs = 0;
}

template <class T>
void resize(const ResizeWindows<T>& windows, int64_t outer, int64_t inner, const T* in, T* out) {
  const Resize<T> job(windows);
  if (inner > 1)
    job.rows(outer, inner, in, out);
  else if (std::is_same_v<T, uint8_t>)
    job.columns(outer, in, out);
  else if (job.is_few_pairs(outer))
    job.paired_columns(outer, in, out);
  else if (outer < Resize<T>::few_rows)
    job.single_columns(outer, in, out);
  else
    job.columns(outer, in, out);
}

template struct ResizeWindows<float>;
template struct ResizeWindows<double>;
template struct ResizeWindows<uint8_t>;
template void resize(const ResizeWindows<float>&, int64_t, int64_t, const float*, float*);
template void resize(const ResizeWindows<double>&, int64_t, int64_t, const double*, double*);
template void resize(const ResizeWindows<uint8_t>&, int64_t, int64_t, const uint8_t*, uint8_t*);

}  // namespace flambeau
