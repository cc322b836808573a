#include "kernels/vision/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/vision/resize_simd.h"
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

  Resize(const Windows& windows, int bits)
      : w_(windows),
        bits_(bits),
        weights_(windows.weights.begin(), windows.weights.end()),
        kernels_(resize_kernels<T>()) {}

  /// Elements that change lie in different rows: whole rows are added up.
  void rows(int64_t outer, int64_t inner, const T* in, T* out) const {
    const int64_t at_once = std::max<int64_t>(1, task_elements / inner);
    parallel_ranges(outer * w_.out_size, at_once, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const int64_t o = index / w_.out_size, i = index % w_.out_size;
        kernels_.mix_rows(w_.count(i), in + (o * w_.in_size + w_.begin[i]) * inner, inner,
                          weights_.data() + w_.first[i], bits_, inner, out + index * inner);
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
      for (int64_t i = begin; i < end; ++i) {
        const Sum* weight = weights_.data() + w_.first[i];
        const T* at = from + w_.begin[i];
        const int64_t count = w_.count(i);
        Sum sum = 0;
        for (int64_t k = 0; k < count; ++k) sum += weight[k] * static_cast<Sum>(at[k]);
        to[i] = static_cast<T>(sum);
      }
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
        kernels_.mix_columns(n, w_.out_size, turned, w_.begin.data(), w_.first.data(),
                             weights_.data(), bits_, out + r * w_.out_size, w_.out_size);
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
  const Windows& w_;
  int bits_;
  std::vector<Sum> weights_;
  const ResizeKernels<T>& kernels_;
};

}  // namespace

template <class T>
void resize(const Windows& windows, int bits, int64_t outer, int64_t inner, const T* in, T* out) {
  const Resize<T> job(windows, bits);
  if (inner == 1 && !std::is_same_v<T, uint8_t> && outer < Resize<T>::few_rows)
    job.single_columns(outer, in, out);
  else if (inner == 1)
    job.columns(outer, in, out);
  else
    job.rows(outer, inner, in, out);
}

template void resize(const Windows&, int, int64_t, int64_t, const float*, float*);
template void resize(const Windows&, int, int64_t, int64_t, const double*, double*);
template void resize(const Windows&, int, int64_t, int64_t, const uint8_t*, uint8_t*);

}  // namespace flambeau
