#include "kernels/pool/boxes.h"

#include <algorithm>
#include <type_traits>

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { shares_slot = 4 };

/// Elements of the result that are worth a task.
constexpr int64_t task_elements = 1 << 15;

/// to = from / divisor, for n pixels with a divisor each; `from` may be `to`.
template <class T>
[[gnu::always_inline]] inline void divide(const T* from, const double* divisors, int64_t n,
                                          int64_t channels, T* to) {
  for (int64_t i = 0; i < n; ++i) {
    const T by = static_cast<T>(divisors[i]);
    for (int64_t c = 0; c < channels; ++c)
      to[i * channels + c] = from[i * channels + c] / (by == 0 ? T(1) : by);
  }
}
FLAMBEAU_CLONES void divided(const float* from, const double* divisors, int64_t n, int64_t channels,
                             float* to) {
  divide(from, divisors, n, channels, to);
}
FLAMBEAU_CLONES void divided(const double* from, const double* divisors, int64_t n,
                             int64_t channels, double* to) {
  divide(from, divisors, n, channels, to);
}

/// to = sum of `rows` rows of n elements that are `step` apart, of two and more.
template <class T>
[[gnu::always_inline]] inline void add_rows(const T* from, int64_t rows, int64_t step, int64_t n,
                                            T* __restrict to, bool onto) {
  int64_t r = 0;
  if (!onto && rows == 1) {
    std::copy_n(from, n, to);
    return;
  }
  if (!onto) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] + from[step + i];
    r = 2;
  }
  for (; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i) to[i] += from[r * step + i];
}
FLAMBEAU_CLONES void rows_added(const float* from, int64_t rows, int64_t step, int64_t n, float* to,
                                bool onto) {
  add_rows(from, rows, step, n, to, onto);
}
FLAMBEAU_CLONES void rows_added(const double* from, int64_t rows, int64_t step, int64_t n,
                                double* to, bool onto) {
  add_rows(from, rows, step, n, to, onto);
}

/// Each pixel of a row the sum of neighbours in another.
template <class T>
[[gnu::always_inline]] inline void add_pixels(const T* row, const BoxAxis& axis, int64_t channels,
                                              T* __restrict to) {
  for (int64_t i = 0; i < axis.size(); ++i, to += channels) {
    const int64_t begin = axis.begin[i], count = axis.end[i] - begin;
    const T* at = row + begin * channels;
    if (count <= 0)
      std::fill_n(to, channels, T(0));
    else if (count == 1)
      for (int64_t c = 0; c < channels; ++c) to[c] = at[c];
    else if (count == 2)
      for (int64_t c = 0; c < channels; ++c) to[c] = at[c] + at[channels + c];
    else if (count == 3)
      for (int64_t c = 0; c < channels; ++c)
        to[c] = at[c] + at[channels + c] + at[2 * channels + c];
    else
      add_rows(at, count, channels, channels, to, false);
  }
}
FLAMBEAU_CLONES void pixels_added(const float* row, const BoxAxis& axis, int64_t channels,
                                  float* to) {
  add_pixels(row, axis, channels, to);
}
FLAMBEAU_CLONES void pixels_added(const double* row, const BoxAxis& axis, int64_t channels,
                                  double* to) {
  add_pixels(row, axis, channels, to);
}

/// E: elements; T: what they are summed in.
template <class T, class E>
class Boxes {
 public:
  Boxes(const BoxAxis* axis, const BoxDivisors& divisors, int64_t channels)
      : axis_(axis),
        divisors_(divisors),
        channels_(channels),
        old_row_(axis[2].old_size * channels),
        row_(axis[2].size() * channels),
        at_once_(rows_at_once()) {}

  int64_t old_image() const { return axis_[0].old_size * axis_[1].old_size * old_row_; }
  int64_t row() const { return row_; }

  int64_t at_once() const { return at_once_; }

  /// Rows [begin, end) of plane d.
  void make(int64_t d, int64_t begin, int64_t end, const E* image, E* to) const {
    const int64_t planes = std::max<int64_t>(0, axis_[0].end[d] - axis_[0].begin[d]);
    int64_t low = axis_[1].old_size, high = 0;
    for (int64_t h = begin; h < end; ++h)
      if (axis_[1].end[h] > axis_[1].begin[h]) {
        low = std::min(low, axis_[1].begin[h]);
        high = std::max(high, axis_[1].end[h]);
      }
    const int64_t rows = std::max<int64_t>(0, high - low);
    T* sum = Workspace::get<T>(shares_slot, (1 + planes * rows) * old_row_ + row_);
    T *made = sum + old_row_, *shares = made + row_;
    const bool as_they_are = std::is_same_v<T, E> && !divisors_.of_old;
    const int64_t plane = axis_[1].old_size * old_row_;
    int64_t step = rows * old_row_;  // from plane to plane of a box
    const T* from = shares;
    if constexpr (std::is_same_v<T, E>)
      if (as_they_are) {
        from = image + axis_[0].begin[d] * plane + low * old_row_;
        step = plane;
      }
    if (!as_they_are)
      for (int64_t p = 0; p < planes; ++p)
        take((axis_[0].begin[d] + p) * axis_[1].old_size + low, rows, image, shares + p * step);
    for (int64_t h = begin; h < end; ++h, to += row_) {
      const int64_t count = axis_[1].end[h] - axis_[1].begin[h];
      const T* at = from + (axis_[1].begin[h] - low) * old_row_;
      T* target = made;
      if constexpr (std::is_same_v<T, E>) target = to;
      if (planes == 0 || count <= 0) {
        std::fill_n(target, row_, T(0));
      } else {
        if (planes > 1 || count > 1)
          for (int64_t p = 0; p < planes; ++p)
            rows_added(at + p * step, count, old_row_, old_row_, sum, p > 0);
        pixels_added(planes > 1 || count > 1 ? sum : at, axis_[2], channels_, target);
      }
      if (divisors_.of_sums) {
        const int64_t width = axis_[2].size();
        divided(target, divisors_.of_sums + (d * axis_[1].size() + h) * width, width, channels_,
                target);
      }
      if constexpr (!std::is_same_v<T, E>) convert(made, to, row_);
    }
  }

 private:
  /// Rows to make at a time: what is converted for them stays in the first cache, unless it is
  /// converted again for those that overlap.
  int64_t rows_at_once() const {
    constexpr int64_t cached = 4096, fewest = 8;
    if (std::is_same_v<T, E> && !divisors_.of_old) return axis_[1].size();
    const int64_t rows = std::max<int64_t>(1, axis_[1].size());
    const int64_t each = std::max<int64_t>(1, axis_[1].old_size * old_row_ / rows);
    return std::max<int64_t>(overlap() ? fewest : 1, cached / each);
  }

  bool overlap() const {
    for (int64_t h = 1; h < axis_[1].size(); ++h)
      if (axis_[1].begin[h] < axis_[1].end[h - 1]) return true;
    return false;
  }

  /// Old rows from `first` on, converted and divided.
  void take(int64_t first, int64_t rows, const E* image, T* to) const {
    const T* from = to;
    if constexpr (std::is_same_v<T, E>)
      from = image + first * old_row_;
    else
      convert(image + first * old_row_, to, rows * old_row_);
    const int64_t width = axis_[2].old_size;
    if (divisors_.of_old)
      divided(from, divisors_.of_old + first * width, rows * width, channels_, to);
  }

  const BoxAxis* axis_;
  BoxDivisors divisors_;
  int64_t channels_, old_row_, row_, at_once_;
};

template <class T, class E>
void boxes_of(int64_t images, int64_t channels, const BoxAxis* axis, const BoxDivisors& divisors,
              const E* in, E* out) {
  const Boxes<T, E> boxes(axis, divisors, channels);
  const int64_t height = axis[1].size(), row = boxes.row();
  parallel_ranges(images * axis[0].size() * height, std::max<int64_t>(1, task_elements / row),
                  [&](int64_t begin, int64_t end) {
                    while (begin < end) {
                      const int64_t plane = begin / height, h = begin % height;
                      const int64_t last = std::min({height, h + end - begin, h + boxes.at_once()});
                      boxes.make(plane % axis[0].size(), h, last,
                                 in + plane / axis[0].size() * boxes.old_image(),
                                 out + begin * row);
                      begin += last - h;
                    }
                  });
}

}  // namespace

BoxAxis windows_themselves(const PoolAxis& axis) {
  BoxAxis boxes{axis.size, {}, {}};
  for (const PoolWindow& w : axis.windows) {
    boxes.begin.push_back(w.begin);
    boxes.end.push_back(w.end);
  }
  return boxes;
}

BoxAxis covering_windows(const PoolAxis& axis) {
  BoxAxis boxes{static_cast<int64_t>(axis.windows.size()), {}, {}};
  const auto n = static_cast<size_t>(axis.size);
  boxes.begin.assign(n, 0);
  boxes.end.assign(n, 0);
  for (int64_t j = 0; j < boxes.old_size; ++j) {
    const PoolWindow& w = axis.windows[static_cast<size_t>(j)];
    for (int64_t i = w.begin; i < w.end; ++i) {
      auto at = static_cast<size_t>(i);
      if (boxes.end[at] == 0) boxes.begin[at] = j;
      boxes.end[at] = j + 1;
    }
  }
  return boxes;
}

BoxAxis places_taken(const std::vector<int64_t>& old_places, int64_t old_size) {
  BoxAxis boxes{static_cast<int64_t>(old_places.size()), {}, {}};
  boxes.begin.assign(static_cast<size_t>(old_size), 0);
  boxes.end.assign(static_cast<size_t>(old_size), 0);
  for (int64_t j = 0; j < boxes.old_size; ++j) {
    const auto at = static_cast<size_t>(old_places[static_cast<size_t>(j)]);
    if (boxes.end[at] == 0) boxes.begin[at] = j;
    boxes.end[at] = j + 1;
  }
  return boxes;
}

void sum_boxes(DType dtype, int64_t images, int64_t channels, const BoxAxis axis[3],
               const BoxDivisors& divisors, const void* in, void* out) {
  auto run = [&]<class T, class E>(T, E) {
    boxes_of<T, E>(images, channels, axis, divisors, static_cast<const E*>(in),
                   static_cast<E*>(out));
  };
  if (dtype == DType::float32)
    run(float(), float());
  else if (dtype == DType::float64)
    run(double(), double());
  else if (dtype == DType::float16)
    run(float(), float16());
  else
    run(float(), bfloat16());
}

}  // namespace flambeau
