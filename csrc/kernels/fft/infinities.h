// What becomes of infinities and NaN in Fourier transforms, by the definition: each output has the
// products of such a part with the roots of unity, those with a root's part of exactly 0 left out.
// On the way through butterflies an infinity becomes NaN where roots are rounded or cancel. The
// finite points beside it, and those of a signal near the end of float32, are summed in float64.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/fft/fft.h"

namespace flambeau {

/// Parts beyond it may leave the range of T midway.
template <class T>
constexpr T most_trusted = std::is_same_v<T, float> ? T(1e30) : std::numeric_limits<T>::max();

/// Set by transforms whose first numbers are not all within most_trusted: some signal may hold an
/// infinity.
class InfiniteSeen {
 public:
  /// So many of n points are looked at: large ones may cancel in the sum of all.
  static int64_t points_of(int64_t n) { return std::min<int64_t>(n, 2); }
  /// first: numbers that a sum over all points of a signal reaches.
  template <class T>
  void look(const T* first, int64_t count) {
    int found = 0;
    for (int64_t i = 0; i < count; ++i) found |= !(std::abs(first[i]) <= most_trusted<T>);
    if (found) seen_.store(true, std::memory_order_relaxed);
  }
  explicit operator bool() const { return seen_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> seen_ = false;
};

/// The numbers of a signal before and after: points, and parts of each.
struct FourierForm {
  int64_t n_in, parts_in, n_out, parts_out;
};

namespace infinite_parts {

/// Signs of the cosine and the sine of 2 pi r / n, 0 where they are 0. 0 <= r < n.
inline int cosine_sign(int64_t r, int64_t n) {
  if (4 * r == n || 4 * r == 3 * n) return 0;
  return 4 * r < n || 4 * r > 3 * n ? 1 : -1;
}
inline int sine_sign(int64_t r, int64_t n) {
  if (r == 0 || 2 * r == n) return 0;
  return 2 * r < n ? 1 : -1;
}

/// A signal with more of them keeps what the butterflies give, nearly everywhere NaN by the
/// definition too: work stays in proportion to n.
constexpr int64_t most_parts = 64;

inline void add_product(double& to, double part, int sign) {
  if (sign != 0) to += part * sign;
}

}  // namespace infinite_parts

/// Computes those signals anew that hold an infinity, NaN or a part beyond most_trusted:
/// transform(from, to) of a contiguous signal of float64 without what is not finite, plus the
/// products of that. direction: the sign of the exponent.
template <class T, class Transform>
void transform_infinite(const FourierShape& shape, const FourierForm& form, const T* in, T* out,
                        int direction, Transform&& transform) {
  const int64_t inner = shape.inner, n = shape.n;
  std::vector<double> from(form.n_in * form.parts_in), to(form.n_out * form.parts_out);
  std::vector<int64_t> places;
  for (int64_t signal = 0; signal < shape.outer * inner; ++signal) {
    const int64_t outer = signal / inner, column = signal % inner;
    const T* x = in + (outer * form.n_in * inner + column) * form.parts_in;
    places.clear();
    bool trusted = true, real = true;
    for (int64_t k = 0; k < form.n_in; ++k)
      for (int64_t part = 0; part < form.parts_in; ++part) {
        const int64_t place = k * form.parts_in + part;
        const T value = x[k * inner * form.parts_in + part];
        const bool finite = std::isfinite(value);
        from[place] = finite ? value : T(0);
        if (!finite) places.push_back(place);
        trusted &= std::abs(value) <= most_trusted<T>;
        real &= part == 0 || value == 0;
      }
    if (trusted || std::ssize(places) > infinite_parts::most_parts) continue;
    transform(from.data(), to.data());
    if (real && form.parts_out == 2) {  // as the coefficients of real signals are
      to[1] = 0;
      if (n % 2 == 0) to[n + 1] = 0;
    }
    for (int64_t place : places) {
      using namespace infinite_parts;
      const int64_t k = place / form.parts_in, part = place % form.parts_in;
      const double value = x[k * inner * form.parts_in + part];
      int64_t r = 0;  // j k modulo n
      for (int64_t j = 0; j < form.n_out; ++j, r = r + k < n ? r + k : r + k - n) {
        const int c = cosine_sign(r, n), s = direction * sine_sign(r, n);
        double* point = &to[j * form.parts_out];
        add_product(point[0], value, part == 0 ? c : -s);
        // To a real signal the coefficient's conjugate adds the same.
        if (form.parts_out == 2) add_product(point[1], value, part == 0 ? s : c);
      }
    }
    T* y = out + (outer * form.n_out * inner + column) * form.parts_out;
    for (int64_t j = 0; j < form.n_out; ++j)
      for (int64_t part = 0; part < form.parts_out; ++part)
        y[j * inner * form.parts_out + part] = static_cast<T>(to[j * form.parts_out + part]);
  }
}

}  // namespace flambeau
