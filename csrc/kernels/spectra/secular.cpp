#include "kernels/spectra/secular.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"

namespace flambeau {

namespace {

/// The sum of z^2 / (d - x) over the poles below x (it is negative) and over those above, and of
/// the derivatives.
template <class T>
struct Sums {
  T below = 0, above = 0, slope_below = 0, slope_above = 0;
  T slope() const { return slope_below + slope_above; }
};

/// x is `origin` + `shift`.
template <class T>
[[gnu::always_inline]] inline Sums<T> sums_at(const Secular<T>& s, T origin, T shift) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  V below = {}, above = {}, slope_below = {}, slope_above = {};
  for (int64_t i = 0; i < s.rows; i += lanes) {
    const V z = *reinterpret_cast<const V*>(s.z + i),
            distance = (*reinterpret_cast<const V*>(s.d + i) - origin) - shift;
    const V ratio = z / distance, term = z * ratio, slope = ratio * ratio;
    const auto is_below = distance < T(0);
    below += is_below ? term : V{};
    above += is_below ? V{} : term;
    slope_below += is_below ? slope : V{};
    slope_above += is_below ? V{} : slope;
  }
  Sums<T> sums;
  for (int l = 0; l < lanes; ++l) {
    sums.below += below[l];
    sums.above += above[l];
    sums.slope_below += slope_below[l];
    sums.slope_above += slope_above[l];
  }
  return sums;
}

/// The root of 1 / rho + sum of z^2 / (d - x) between two neighbouring poles, or behind the last.
/// Steps go to the root of a simple function with both poles that has the same value and slope, and
/// to the middle of what is left where that one leads outside.
template <class T>
class Root {
 public:
  Root(const Secular<T>& s, int64_t j) : s_(s), last_(j == s.k - 1) {
    const int64_t left = s.order[last_ ? std::max<int64_t>(j - 1, 0) : j],
                  right = s.order[last_ ? j : j + 1];
    left_ = s.d[left], right_ = s.d[right];
    z_left_ = s.z[left] * s.z[left], z_right_ = s.z[right] * s.z[right];
  }

  T origin() const { return origin_; }

  /// The root less the origin.
  [[gnu::always_inline]] T find() {
    T shift = start(), before = 0;
    bool fixed = true;
    for (int step = 0; step < 60; ++step) {
      const Sums<T> sums = sums_at(s_, origin_, shift);
      const T value = 1 / s_.rho + sums.below + sums.above;
      const T error =
          unit * (8 * (sums.above - sums.below) + 2 / s_.rho + std::abs(shift) * sums.slope());
      if (!(std::abs(value) > error)) break;
      (value < 0 ? low_ : high_) = shift;
      // One of two functions: the other where the last step brought little.
      if (step && value * before > 0 && std::abs(value) > std::abs(before) / 10) fixed = !fixed;
      before = value;
      T next = shift + step_from(shift, value, sums, fixed);
      if (!(next > low_ && next < high_)) next = low_ + (high_ - low_) / 2;
      if (next == shift || next == low_ || next == high_) break;
      shift = next;
    }
    return shift;
  }

 private:
  static constexpr T unit = std::numeric_limits<T>::epsilon() / 2;

  /// Sets the origin, the pole next to the root, and what the root lies between; a first guess.
  [[gnu::always_inline]] T start() {
    const T gap = right_ - left_, width = last_ ? s_.rho : gap, half = width / 2;
    origin_ = last_ ? right_ : left_;
    const Sums<T> sums = sums_at(s_, origin_, half);
    const T value = 1 / s_.rho + sums.below + sums.above;
    const bool in_first_half = value > 0;
    T guess;
    if (last_) {
      low_ = in_first_half ? 0 : half;
      // The sum of squares of z may be above 1 by roundings.
      high_ = in_first_half ? half : width * (1 + 8 * unit * static_cast<T>(s_.rows));
      const T rest = value + z_left_ / (gap + half) + z_right_ / half,
              a = z_left_ + z_right_ - rest * gap, b = z_right_ * gap;
      const T root = std::sqrt(std::abs(a * a + 4 * b * rest));
      guess = a < 0 ? 2 * b / (root - a) : (a + root) / (2 * rest);
      if (s_.k == 1) guess = s_.rho * z_right_;
    } else {
      const T rest = value - z_left_ / -half - z_right_ / half;
      if (in_first_half) {
        low_ = 0, high_ = half;
        const T a = rest * gap + z_left_ + z_right_, b = z_left_ * gap,
                root = std::sqrt(std::abs(a * a - 4 * b * rest));
        guess = a > 0 ? 2 * b / (a + root) : (a - root) / (2 * rest);
      } else {
        origin_ = right_;
        low_ = -half, high_ = 0;
        const T a = rest * gap - z_left_ - z_right_, b = z_right_ * gap,
                root = std::sqrt(std::abs(a * a + 4 * b * rest));
        guess = a < 0 ? 2 * b / (a - root) : -(a + root) / (2 * rest);
      }
    }
    return guess > low_ && guess < high_ ? guess : low_ + (high_ - low_) / 2;
  }

  [[gnu::always_inline]] T step_from(T shift, T value, const Sums<T>& sums, bool fixed) const {
    const T left = (left_ - origin_) - shift, right = (right_ - origin_) - shift;
    const T slope = sums.slope(), a = (left + right) * value - left * right * slope,
            b = left * right * value;
    T c;
    if (last_) {
      c = std::abs(value - left * (slope - z_right_ / (right * right)) - z_right_ / right);
    } else if (!fixed) {
      c = value - left * sums.slope_below - right * sums.slope_above;
    } else if (origin_ == left_) {
      c = value - right * slope - (left_ - right_) * (z_left_ / left / left);
    } else {
      c = value - left * slope - (right_ - left_) * (z_right_ / right / right);
    }
    const T root = std::sqrt(std::abs(a * a - 4 * b * c));
    T step;
    if (last_)
      step = a >= 0 ? (a + root) / (2 * c) : 2 * b / (a - root);
    else
      step = a <= 0 ? (a - root) / (2 * c) : 2 * b / (a + root);
    // The function grows.
    return value * step < 0 ? step : -value / slope;
  }

  const Secular<T>& s_;
  bool last_;
  T left_, right_, z_left_, z_right_;
  T origin_ = 0, low_ = 0, high_ = 0;
};

template <class T>
[[gnu::always_inline]] inline void roots_of(const Secular<T>& s, int64_t begin, int64_t end,
                                            T* values, T* differences) {
  for (int64_t j = begin; j < end; ++j) {
    Root<T> root(s, j);
    const T shift = root.find(), origin = root.origin();
    values[j] = origin + shift;
    for (int64_t i = 0; i < s.rows; ++i) differences[j * s.rows + i] = (s.d[i] - origin) - shift;
  }
}

template <class T>
[[gnu::always_inline]] inline void weights_of(const Secular<T>& s, int64_t begin, int64_t end,
                                              const T* differences, T* weights) {
  for (int64_t i = begin; i < end; ++i) weights[i] = T(1);
  for (int64_t j = 0; j < s.k; ++j) {
    const T pole = s.d[s.order[j]];
    const T* column = differences + j * s.rows;
    for (int64_t i = begin; i < end; ++i) {
      const T distance = s.d[i] - pole;
      weights[i] *= column[i] / (distance == T(0) ? T(1) : distance);
    }
  }
  for (int64_t i = begin; i < end; ++i)
    weights[i] = s.z[i] == T(0) ? T(0) : std::copysign(std::sqrt(std::abs(weights[i])), s.z[i]);
}

template <class T>
[[gnu::always_inline]] inline void vectors_of(const Secular<T>& s, int64_t begin, int64_t end,
                                              const T* weights, T* differences) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  for (int64_t j = begin; j < end; ++j) {
    T* column = differences + j * s.rows;
    V squares = {};
    for (int64_t i = 0; i < s.rows; i += lanes) {
      V* to = reinterpret_cast<V*>(column + i);
      *to = *reinterpret_cast<const V*>(weights + i) / *to;
      squares += *to * *to;
    }
    T sum = 0;
    for (int l = 0; l < lanes; ++l) sum += squares[l];
    const T scale = 1 / std::sqrt(sum);
    for (int64_t i = 0; i < s.rows; ++i) column[i] *= scale;
  }
}

// A clone for each instruction set cannot be a template.
#define FLAMBEAU_LOOPS(T)                                                                \
  FLAMBEAU_CLONES void roots(const Secular<T>& s, int64_t begin, int64_t end, T* values, \
                             T* differences) {                                           \
    roots_of(s, begin, end, values, differences);                                        \
  }                                                                                      \
  FLAMBEAU_CLONES void weigh(const Secular<T>& s, int64_t begin, int64_t end,            \
                             const T* differences, T* weights) {                         \
    weights_of(s, begin, end, differences, weights);                                     \
  }                                                                                      \
  FLAMBEAU_CLONES void make_vectors(const Secular<T>& s, int64_t begin, int64_t end,     \
                                    const T* weights, T* differences) {                  \
    vectors_of(s, begin, end, weights, differences);                                     \
  }
FLAMBEAU_LOOPS(float)
FLAMBEAU_LOOPS(double)
#undef FLAMBEAU_LOOPS

}  // namespace

template <class T>
void secular_roots(const Secular<T>& s, int64_t begin, int64_t end, T* values, T* differences) {
  roots(s, begin, end, values, differences);
}
template <class T>
void secular_weights(const Secular<T>& s, int64_t begin, int64_t end, const T* differences,
                     T* weights) {
  weigh(s, begin, end, differences, weights);
}
template <class T>
void secular_vectors(const Secular<T>& s, int64_t begin, int64_t end, const T* weights,
                     T* differences) {
  make_vectors(s, begin, end, weights, differences);
}

template void secular_roots(const Secular<float>&, int64_t, int64_t, float*, float*);
template void secular_roots(const Secular<double>&, int64_t, int64_t, double*, double*);
template void secular_weights(const Secular<float>&, int64_t, int64_t, const float*, float*);
template void secular_weights(const Secular<double>&, int64_t, int64_t, const double*, double*);
template void secular_vectors(const Secular<float>&, int64_t, int64_t, const float*, float*);
template void secular_vectors(const Secular<double>&, int64_t, int64_t, const double*, double*);

}  // namespace flambeau
