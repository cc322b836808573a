#include "kernels/pool/fractional.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Comparisons that are worth a task.
constexpr int64_t task_size = 1 << 14;

template <class T>
using Wide = std::conditional_t<is_half_type<T>, float, T>;

/// Where the windows of one dim begin, each step rounded to T: where that cuts decides about a
/// window. False where one lies beyond the plane.
template <class T>
bool find_starts(T sample, int64_t size, int64_t count, int64_t kernel, int64_t* starts) {
  using R = Wide<T>;
  auto rounded = [](R x) { return static_cast<R>(static_cast<T>(x)); };
  const int64_t last = size - kernel;
  if (count > 0) starts[count - 1] = last;
  if (count <= 1) return true;
  const R from = static_cast<R>(sample);
  if (!(from >= 0 && from <= 1)) return false;
  const R step = rounded(rounded(static_cast<R>(last)) / rounded(static_cast<R>(count - 1)));
  const int64_t before = static_cast<int64_t>(rounded(from * step));
  for (int64_t i = 0; i + 1 < count; ++i) {
    const R place = rounded(rounded(static_cast<R>(i) + from) * step);
    starts[i] = static_cast<int64_t>(place) - before;
    if (starts[i] < 0 || starts[i] > last) return false;
  }
  return true;
}

/// A number as wide as R, so that both are chosen in the same lanes.
template <class R>
using RowOf = std::conditional_t<sizeof(R) == 4, int32_t, int64_t>;

/// best[x] becomes row[x] where that is larger or NaN, and at[x] then `number`.
template <class R>
[[gnu::always_inline]] inline void larger_of(int64_t n, const R* __restrict row, RowOf<R> number,
                                             R* __restrict best, RowOf<R>* __restrict at) {
  for (int64_t x = 0; x < n; ++x) {
    const bool better = (row[x] > best[x]) | (row[x] != row[x]);
    best[x] = better ? row[x] : best[x];
    at[x] = better ? number : at[x];
  }
}
FLAMBEAU_CLONES void take_larger(int64_t n, const float* row, int32_t number, float* best,
                                 int32_t* at) {
  larger_of(n, row, number, best, at);
}
FLAMBEAU_CLONES void take_larger(int64_t n, const double* row, int64_t number, double* best,
                                 int64_t* at) {
  larger_of(n, row, number, best, at);
}

template <class T>
class Planes {
  using R = Wide<T>;
  using Row = RowOf<R>;

 public:
  explicit Planes(const FractionalShape& shape)
      : s_(shape),
        starts_{places(0), places(1), places(2)},
        best_(s_.in[2]),
        wide_(is_half_type<T> ? s_.in[2] : 0),
        row_(s_.in[2]) {}

  bool run(const T* plane, const T* samples, T* output, int64_t* indices) {
    const int absent = 3 - s_.dims;
    for (int d = 0; d < 3; ++d) {
      const int which = s_.dims == 2 ? 2 - d : d - absent;
      const T sample = d < absent ? T(0) : samples[which];
      if (!find_starts(sample, s_.in[d], s_.out[d], s_.kernel[d], starts_[d].data())) return false;
    }
    for (const int64_t z : starts_[0])
      for (const int64_t y : starts_[1]) {
        const int64_t first = (z * s_.in[1] + y) * s_.in[2];
        take_columns(plane + first);
        for (const int64_t x : starts_[2]) *indices++ = first + largest(x);
      }
    const int64_t made = s_.out[0] * s_.out[1] * s_.out[2];
    for (int64_t i = 0; i < made; ++i) output[i] = plane[indices[i - made]];
    return true;
  }

 private:
  std::vector<int64_t> places(int d) const { return std::vector<int64_t>(s_.out[d]); }

  /// The largest element of each column of the rows that a row of windows covers, and its row.
  void take_columns(const T* first) {
    const int64_t width = s_.in[2];
    for (int64_t x = 0; x < width; ++x) {
      best_[x] = static_cast<R>(first[x]);
      row_[x] = 0;
    }
    Row number = 0;
    for (int64_t z = 0; z < s_.kernel[0]; ++z)
      for (int64_t y = 0; y < s_.kernel[1]; ++y, ++number) {
        if (number == 0) continue;
        const T* row = first + (z * s_.in[1] + y) * width;
        if constexpr (is_half_type<T>) {
          std::transform(row, row + width, wide_.data(), [](T x) { return static_cast<R>(x); });
          take_larger(width, wide_.data(), number, best_.data(), row_.data());
        } else {
          take_larger(width, row, number, best_.data(), row_.data());
        }
      }
  }

  /// Where the largest element of the window at column x is, from the first row on: the first of
  /// equal ones, the last NaN. No branch: which one is larger is not foreseen.
  int64_t largest(int64_t x) const {
    R best = best_[x];
    Row row = row_[x];
    int64_t at = x;
    for (int64_t k = x + 1; k < x + s_.kernel[2]; ++k) {
      const R other = best_[k];
      const bool is_nan = best != best, other_is = other != other;
      const bool before = row_[k] < row;
      const bool better =
          (other > best) | ((other == best) & before) | (other_is & !(is_nan & before));
      best = better ? other : best;
      row = better ? row_[k] : row;
      at = better ? k : at;
    }
    const int64_t z = row / s_.kernel[1], y = row % s_.kernel[1];
    return (z * s_.in[1] + y) * s_.in[2] + at;
  }

  FractionalShape s_;
  std::vector<int64_t> starts_[3];
  std::vector<R> best_, wide_;
  std::vector<Row> row_;
};

}  // namespace

bool fractional_max_pool(const FractionalShape& shape, const void* input, const void* samples,
                         void* output, int64_t* indices) {
  const int64_t size = shape.in[0] * shape.in[1] * shape.in[2],
                made = shape.out[0] * shape.out[1] * shape.out[2],
                taps = shape.kernel[0] * shape.kernel[1] * shape.kernel[2];
  std::atomic<bool> inside = true;
  with_scalar_type(shape.dtype, [&]<class T>() {
    if constexpr (is_floating_type<T>)
      parallel_ranges(shape.n_planes, std::max<int64_t>(1, task_size / (made * taps + 1)),
                      [&](int64_t begin, int64_t end) {
                        Planes<T> planes(shape);
                        for (int64_t p = begin; p < end; ++p)
                          if (!planes.run(static_cast<const T*>(input) + p * size,
                                          static_cast<const T*>(samples) + p * shape.dims,
                                          static_cast<T*>(output) + p * made, indices + p * made))
                            inside = false;
                      });
  });
  return inside;
}

}  // namespace flambeau
