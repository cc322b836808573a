#include "kernels/fft/fft.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/fft/infinities.h"
#include "kernels/fft/rows.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

/// Slots of Workspace; 1 and 2 are those of rows.cpp.
constexpr int lanes_slot = 0, column_slot = 3;
/// Complex rows longer than this are quicker one by one, cut: in lanes form they leave the cache.
constexpr int64_t most_rows_together = 1024;
constexpr int64_t least_points_per_chunk = 8192;

/// Columns of more points than this are not joined: in lanes form they leave the cache.
constexpr int64_t most_joined_points = 1024;
constexpr int64_t most_joined_numbers = 16;

/// n pieces of `width` numbers; where `swap`, those of two neighbours change places. Of a width
/// that is known: a call of memmove for each would take longer than the transform.
template <int width, class T>
void copy_pieces(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t n, bool swap) {
  for (int64_t j = 0; j < n; ++j)
    std::memcpy(to + j * to_step, from + (j ^ int64_t{swap}) * from_step, width * sizeof(T));
}
template <class T>
using CopyPieces = void (*)(const T*, int64_t, T*, int64_t, int64_t, bool);
/// The copy for 1 to most_joined_numbers.
template <class T>
CopyPieces<T> copy_of_width(int64_t width) {
  static constexpr auto copies = []<int... w>(std::integer_sequence<int, w...>) {
    return std::array<CopyPieces<T>, sizeof...(w)>{copy_pieces<w + 1, T>...};
  }(std::make_integer_sequence<int, most_joined_numbers>{});
  return copies[width - 1];
}

/// How the signals of [outer][n][inner] memory go into lanes: rows (inner is 1), columns side by
/// side, those of several outer ones where they leave half of the lanes empty, or, of a short
/// inner, one by one.
template <class T>
class Signals {
 public:
  explicit Signals(const FourierShape& shape)
      : inner_(shape.inner),
        n_signals_(shape.outer * shape.inner),
        lanes_(fourier_kernels<T>().lanes),
        joined_(inner_ > 1 && shape.outer > 1 && shape.n <= most_joined_points &&
                        2 * inner_ <= std::min<int64_t>(lanes_, most_joined_numbers)
                    ? std::min<int64_t>(lanes_ / inner_, shape.outer)
                    : 0),
        columns_(!joined_ && shape.inner > 1 && shape.inner >= std::min(3, lanes_) &&
                 4 * shape.inner >= lanes_),
        n_groups_(joined_    ? (shape.outer + joined_ - 1) / joined_
                  : columns_ ? shape.outer * ((shape.inner + lanes_ - 1) / lanes_)
                             : (n_signals_ + lanes_ - 1) / lanes_) {}

  int64_t n_groups() const { return n_groups_; }
  /// Whether lanes that stay empty cost less than what one signal after the other does.
  bool enough() const {
    return 2 * (joined_ ? joined_ * inner_ : columns_ ? inner_ : n_signals_) >= lanes_;
  }

  /// n points of `parts` numbers each of the signals of a group.
  void load(int64_t group, const T* in, int64_t n, int parts, T scale, bool swap, T* to) const {
    const auto& kernels = fourier_kernels<T>();
    auto [first, count] = range(group);
    if (joined_) return load_joined(in + parts * first * n, n, parts, count, scale, swap, to);
    if (columns_) {
      const T* from = in + parts * offset(first, n);
      if (parts == 2) return kernels.load_columns(from, 2 * inner_, n, count, scale, swap, to);
      for (int64_t j = 0; j < n; ++j)
        for (int l = 0; l < lanes_; ++l)
          to[j * lanes_ + l] = l < count ? from[j * inner_ + l] * scale : T(0);
      return;
    }
    const T* rows[64];
    for (int l = 0; l < lanes_; ++l)
      rows[l] = in + parts * offset(first + std::min(l, count - 1), n);
    if (inner_ == 1) return kernels.load_rows(rows, n * parts, scale, swap, to);
    for (int64_t j = 0; j < n; ++j)
      for (int part = 0; part < parts; ++part)
        for (int l = 0; l < lanes_; ++l)
          to[((j * parts + part) ^ int{swap}) * lanes_ + l] =
              rows[l][j * inner_ * parts + part] * scale;
  }

  void store(int64_t group, const T* from, int64_t n, int parts, bool swap, T* out) const {
    const auto& kernels = fourier_kernels<T>();
    auto [first, count] = range(group);
    if (joined_) return store_joined(from, n, parts, swap, count, out + parts * first * n);
    if (columns_) {
      T* to = out + parts * offset(first, n);
      if (parts == 2) return kernels.store_columns(from, n, swap, to, 2 * inner_, count);
      for (int64_t j = 0; j < n; ++j)
        for (int l = 0; l < count; ++l) to[j * inner_ + l] = from[(j ^ int{swap}) * lanes_ + l];
      return;
    }
    T* rows[64];
    for (int l = 0; l < count; ++l) rows[l] = out + parts * offset(first + l, n);
    if (inner_ == 1) return kernels.store_rows(from, n * parts, swap, rows, count);
    for (int64_t j = 0; j < n; ++j)
      for (int part = 0; part < parts; ++part)
        for (int l = 0; l < count; ++l)
          rows[l][j * inner_ * parts + part] = from[((j * parts + part) ^ int{swap}) * lanes_ + l];
  }

 private:
  /// The signals of several outer ones, of which `in` is the first, by way of a room where their
  /// points lie side by side.
  void load_joined(const T* in, int64_t n, int parts, int count, T scale, bool swap, T* to) const {
    const int64_t width = parts * inner_, step = int64_t{parts} * lanes_;
    T* side_by_side = parts == 2 ? Workspace::get<T>(column_slot, n * step) : to;
    if (count < lanes_) std::fill_n(side_by_side, n * step, T(0));
    const auto copy = copy_of_width<T>(width);
    for (int64_t o = 0; o * inner_ < count; ++o)
      copy(in + o * n * width, width, side_by_side + o * width, step, n, false);
    if (parts == 2)
      fourier_kernels<T>().load_columns(side_by_side, step, n, lanes_, scale, swap, to);
    else
      for (int64_t i = 0; i < n * step; ++i) to[i] *= scale;
  }
  void store_joined(const T* from, int64_t n, int parts, bool swap, int count, T* out) const {
    const int64_t width = parts * inner_, step = int64_t{parts} * lanes_;
    if (parts == 2) {
      T* side_by_side = Workspace::get<T>(column_slot, n * step);
      fourier_kernels<T>().store_columns(from, n, swap, side_by_side, step, lanes_);
      from = side_by_side, swap = false;
    }
    const auto copy = copy_of_width<T>(width);
    for (int64_t o = 0; o * inner_ < count; ++o)
      copy(from + o * width, step, out + o * n * width, width, n, swap);
  }

  struct Range {
    int64_t first;
    int count;
  };
  Range range(int64_t group) const {
    if (joined_) {
      const int64_t first = group * joined_ * inner_;
      return {first, static_cast<int>(std::min(joined_ * inner_, n_signals_ - first))};
    }
    if (!columns_) {
      int64_t first = group * lanes_;
      return {first, static_cast<int>(std::min<int64_t>(lanes_, n_signals_ - first))};
    }
    const int64_t per_outer = (inner_ + lanes_ - 1) / lanes_;
    int64_t begin = group % per_outer * lanes_;
    return {group / per_outer * inner_ + begin,
            static_cast<int>(std::min<int64_t>(lanes_, inner_ - begin))};
  }
  /// Where a signal of n points starts, in points.
  int64_t offset(int64_t signal, int64_t n) const {
    return inner_ == 1 ? signal * n : signal / inner_ * n * inner_ + signal % inner_;
  }

  int64_t inner_, n_signals_;
  int lanes_;
  int64_t joined_;  // outer ones in a group, or 0
  bool columns_;
  int64_t n_groups_;
};

/// Points of the longest signal that plan's transform holds.
template <class T>
int64_t n_held(const FourierPlan<T>& plan) {
  return plan.convolution ? plan.convolution->n : plan.n;
}

/// Whether the signals are computed together. complex_rows: of complex points that follow each
/// other.
template <class T>
bool goes_together(const FourierPlan<T>& plan, const Signals<T>& signals, bool complex_rows) {
  if (plan.convolution) return plan.convolution->has_steps() && signals.enough();
  if (!plan.has_steps()) return false;
  if (!plan.rows) return true;  // too short to be cut
  return signals.enough() && !(complex_rows && plan.n > most_rows_together);
}

/// The forward transform in lanes form; gives data or spare.
template <class T>
T* together(const FourierPlan<T>& plan, T* data, T* spare) {
  const auto& kernels = fourier_kernels<T>();
  auto transform = [&](const FourierPlan<T>& of, T* from, T* other) {
    return kernels.transform(of.steps.data(), static_cast<int>(of.steps.size()), from, other);
  };
  if (!plan.convolution) return transform(plan, data, spare);
  const FourierPlan<T>& convolution = *plan.convolution;
  const int64_t wide = 2 * kernels.lanes;
  kernels.multiply(data, plan.chirp.data(), plan.n, false, false, data);
  std::fill(data + plan.n * wide, data + convolution.n * wide, T(0));
  T* result = transform(convolution, data, spare);
  kernels.multiply(result, plan.spectrum.data(), convolution.n, false, true, result);
  result = transform(convolution, result, result == data ? spare : data);
  kernels.multiply(result, plan.chirp.data(), plan.n, true, false, result);
  return result;
}

/// fn(group, data, spare) for every group, each with room for n_points + 1 points in lanes form.
template <class T, class F>
void for_groups(const Signals<T>& signals, int64_t n_points, F&& fn) {
  const int64_t size = 2 * (n_points + 1) * fourier_kernels<T>().lanes;
  const int64_t grain = std::max<int64_t>(1, 2 * least_points_per_chunk / size);
  parallel_ranges(signals.n_groups(), grain, [&](int64_t begin, int64_t end) {
    T* data = Workspace::get<T>(lanes_slot, 2 * size);
    for (int64_t group = begin; group < end; ++group) fn(group, data, data + size);
  });
}

/// Every stride_in-th point of `in`, n of `parts` numbers each, to every stride_out-th of `out`. A
/// call of memmove for each point would take longer than the transform.
template <int parts, class T>
void copy_points(const T* in, int64_t stride_in, int64_t n, T* out, int64_t stride_out) {
  for (int64_t j = 0; j < n; ++j)
    for (int part = 0; part < parts; ++part)
      out[j * stride_out * parts + part] = in[j * stride_in * parts + part];
}

/// fn(from, to) for every signal, from `n_in` points of parts_in numbers to `n_out`; those that do
/// not follow each other are copied.
template <int parts_in, int parts_out, class T, class F>
void one_by_one(const FourierShape& shape, const T* in, int64_t n_in, T* out, int64_t n_out,
                F&& fn) {
  const int64_t inner = shape.inner;
  parallel_for(shape.outer * inner, [&](int64_t signal) {
    if (inner == 1) return fn(in + signal * n_in * parts_in, out + signal * n_out * parts_out);
    T* from = Workspace::get<T>(column_slot, n_in * parts_in + n_out * parts_out);
    T* to = from + n_in * parts_in;
    const int64_t before = signal / inner * inner, column = signal % inner;
    copy_points<parts_in>(in + (before * n_in + column) * parts_in, inner, n_in, from, 1);
    fn(from, to);
    copy_points<parts_out>(to, 1, n_out, out + (before * n_out + column) * parts_out, inner);
  });
}

}  // namespace

/// The whole of fourier() but for infinities, of which it only takes note.
template <class T>
static void run_complex(const FourierShape& shape, const T* in, T* out, T scale, bool inverse,
                        InfiniteSeen& seen) {
  const int64_t n = shape.n, first = InfiniteSeen::points_of(n);
  auto plan = fourier_plan<T>(n);
  Signals<T> signals(shape);
  if (goes_together(*plan, signals, shape.inner == 1))
    return for_groups(signals, n_held(*plan), [&](int64_t group, T* data, T* spare) {
      signals.load(group, in, n, 2, scale, inverse, data);
      T* result = together(*plan, data, spare);
      seen.look(result, 2 * first * fourier_kernels<T>().lanes);
      signals.store(group, result, n, 2, inverse, out);
    });
  one_by_one<2, 2>(shape, in, n, out, n, [&](const T* from, T* to) {
    transform_row(*plan, from, to, scale, inverse);
    seen.look(to, 2 * first);
  });
}

template <class T>
bool fourier(const FourierShape& shape, const T* in, T* out, T scale, bool inverse) {
  InfiniteSeen seen;
  run_complex(shape, in, out, scale, inverse, seen);
  if (!seen || in == out) return bool{seen};
  const FourierForm form{shape.n, 2, shape.n, 2};
  transform_infinite(shape, form, in, out, inverse ? 1 : -1, [&](const double* from, double* to) {
    run_complex({1, shape.n, 1}, from, to, double{scale}, inverse, seen);
  });
  return true;
}

template <class T>
static void run_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse,
                     InfiniteSeen& seen) {
  const int64_t n = shape.n, half = n / 2, first = InfiniteSeen::points_of(half + 1);
  const T sign = inverse ? T(-1) : T(1);
  const bool even = n % 2 == 0;
  auto plan = fourier_plan<T>(even ? half : n);
  Signals<T> signals(shape);
  if (!goes_together(*plan, signals, false))
    return one_by_one<1, 2>(shape, in, n, out, half + 1, [&](const T* from, T* to) {
      real_row(n, from, to, scale, sign);
      seen.look(to, 2 * first);
    });
  const auto& kernels = fourier_kernels<T>();
  const int lanes = kernels.lanes;
  auto roots = even ? half_roots<T>(n) : nullptr;
  for_groups(signals, n_held(*plan), [&](int64_t group, T* data, T* spare) {
    signals.load(group, in, n, 1, scale, false, data);
    if (!even)  // imaginary parts of 0 between the points
      for (int64_t j = n - 1; j >= 0; --j) {
        std::copy_n(data + j * lanes, lanes, data + 2 * j * lanes);
        std::fill_n(data + (2 * j + 1) * lanes, lanes, T(0));
      }
    T* result = together(*plan, data, spare);
    if (even)
      kernels.split_half(result, roots->data(), half, sign);
    else if (inverse)
      for (int64_t k = 0; k <= half; ++k)
        for (int l = 0; l < lanes; ++l) result[(2 * k + 1) * lanes + l] *= sign;
    seen.look(result, 2 * first * lanes);
    signals.store(group, result, half + 1, 2, false, out);
  });
}

template <class T>
void fourier_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse) {
  InfiniteSeen seen;
  run_real(shape, in, out, scale, inverse, seen);
  if (!seen) return;
  const FourierForm form{shape.n, 1, shape.n / 2 + 1, 2};
  transform_infinite(shape, form, in, out, inverse ? 1 : -1, [&](const double* from, double* to) {
    run_real({1, shape.n, 1}, from, to, double{scale}, inverse, seen);
  });
}

template <class T>
static void run_to_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse,
                        InfiniteSeen& seen) {
  const int64_t n = shape.n, half = n / 2, first = InfiniteSeen::points_of(n);
  const T sign = inverse ? T(1) : T(-1);
  const bool even = n % 2 == 0;
  auto plan = fourier_plan<T>(even ? half : n);
  Signals<T> signals(shape);
  if (!goes_together(*plan, signals, false))
    return one_by_one<2, 1>(shape, in, half + 1, out, n, [&](const T* from, T* to) {
      real_row_inverse(n, from, to, scale, sign);
      seen.look(to, first);
    });
  const auto& kernels = fourier_kernels<T>();
  const int lanes = kernels.lanes;
  auto roots = even ? half_roots<T>(n) : nullptr;
  for_groups(signals, n_held(*plan), [&](int64_t group, T* data, T* spare) {
    signals.load(group, in, half + 1, 2, scale, !even, data);
    if (even) {
      kernels.join_half(data, roots->data(), half, sign);
      T* result = together(*plan, data, spare);
      seen.look(result, 2 * lanes);
      signals.store(group, result, n, 1, true, out);
      return;
    }
    // Parts are swapped: the imaginary part comes first.
    std::fill_n(data, lanes, T(0));
    for (int64_t k = 1; k <= half; ++k)
      for (int l = 0; l < lanes; ++l) {
        T im = data[2 * k * lanes + l] * sign;
        data[2 * k * lanes + l] = im;
        data[2 * (n - k) * lanes + l] = -im;
        data[(2 * (n - k) + 1) * lanes + l] = data[(2 * k + 1) * lanes + l];
      }
    T* result = together(*plan, data, spare);
    for (int64_t j = 0; j < n; ++j)
      std::copy_n(result + (2 * j + 1) * lanes, lanes, result + j * lanes);
    seen.look(result, first * lanes);
    signals.store(group, result, n, 1, false, out);
  });
}

template <class T>
void fourier_to_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse) {
  InfiniteSeen seen;
  run_to_real(shape, in, out, scale, inverse, seen);
  if (!seen) return;
  // The first coefficient and the last of an even size are real: what else is there is left out.
  const int64_t n = shape.n, half = n / 2;
  const FourierForm form{half + 1, 2, n, 1};
  transform_infinite(shape, form, in, out, inverse ? 1 : -1, [&](const double* from, double* to) {
    run_to_real({1, n, 1}, from, to, double{scale}, inverse, seen);
  });
}

template bool fourier(const FourierShape&, const float*, float*, float, bool);
template bool fourier(const FourierShape&, const double*, double*, double, bool);
template void fourier_real(const FourierShape&, const float*, float*, float, bool);
template void fourier_real(const FourierShape&, const double*, double*, double, bool);
template void fourier_to_real(const FourierShape&, const float*, float*, float, bool);
template void fourier_to_real(const FourierShape&, const double*, double*, double, bool);

}  // namespace flambeau
