#include "kernels/elements/incomplete_gamma.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

typedef double Vector __attribute__((vector_size(32)));
typedef int64_t Mask __attribute__((vector_size(32)));
constexpr int64_t lanes = 4, vectors = 4, block = lanes * vectors;
constexpr int64_t elements_a_chunk = 1024;
constexpr double all_digits = 1e-16;

/// Elements that take one expansion, as many as fill blocks: the last ones are repeated.
struct Elements {
  double a[elements_a_chunk], x[elements_a_chunk];
  double precision[elements_a_chunk], value[elements_a_chunk];
  int64_t place[elements_a_chunk];
  int64_t n = 0;
  void add(double order, double end, double to_precision, int64_t i) {
    a[n] = order;
    x[n] = end;
    precision[n] = to_precision;
    place[n++] = i;
  }
};

/// Terms that either expansion may take: some 6 sqrt(a) of them near x = a, so this serves a < 1e8.
constexpr int most_terms = 100000, terms_between_looks = 4;

// Both as one fraction, which is divided at the end: a division in each step takes longer than all
// else. Where its parts grow far they are made smaller together. Elements that have converged take
// steps that leave their parts as they are, so that no result depends on its neighbours.
constexpr double far = 0x1p+200, smaller = 0x1p-200;

#define FLAMBEAU_ALWAYS __attribute__((always_inline)) inline

FLAMBEAU_ALWAYS void load(const double* from, Vector& to) {
  __builtin_memcpy(&to, from, sizeof(to));
}
FLAMBEAU_ALWAYS void drop_sign(Vector& v) { v = v < 0 ? -v : v; }
FLAMBEAU_ALWAYS void scale_of(const Vector& v, Vector& scale) {
  scale = v > far ? Vector{} + smaller : Vector{} + 1;
}

FLAMBEAU_ALWAYS bool any(const Mask& mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

/// The sums over n of x**n / ((a + 1) ... (a + n)), for x < a + 1.
FLAMBEAU_CLONES void series(int64_t n, const double* a, const double* x, const double* precision,
                            double* sums) {
  for (int64_t at = 0; at < n; at += block) {
    Vector total[vectors], power[vectors], product[vectors], factor[vectors], step[vectors],
        ends[vectors];
    for (int i = 0; i < vectors; ++i) {
      load(x + at + i * lanes, ends[i]);
      load(a + at + i * lanes, factor[i]);
      total[i] = power[i] = product[i] = step[i] = Vector{1, 1, 1, 1};
    }
    bool left = true;
    for (int k = 0; left && k < most_terms; k += terms_between_looks) {
      for (int term = 0; term < terms_between_looks; ++term)
        for (int i = 0; i < vectors; ++i) {
          factor[i] += step[i];
          power[i] *= ends[i];
          product[i] *= factor[i];
          total[i] = total[i] * factor[i] + power[i];
        }
      left = false;
      for (int i = 0; i < vectors; ++i) {
        Vector limit, scale;
        load(precision + at + i * lanes, limit);
        const Mask goes_on = power[i] > total[i] * (0.1 * limit);
        left |= any(goes_on);
        power[i] = goes_on ? power[i] : 0;
        step[i] = goes_on ? step[i] : 0;
        factor[i] = goes_on ? factor[i] : 1;
        scale_of(total[i], scale);
        total[i] *= scale;
        power[i] *= scale;
        product[i] *= scale;
      }
    }
    for (int i = 0; i < vectors; ++i) {
      const Vector sum = total[i] / product[i];
      __builtin_memcpy(sums + at + i * lanes, &sum, sizeof(sum));
    }
  }
}

/// 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), for x >= a + 1, by Wallis's recurrence.
FLAMBEAU_CLONES void fractions(int64_t n, const double* a, const double* x, const double* precision,
                               double* values) {
  for (int64_t at = 0; at < n; at += block) {
    Vector b[vectors], above[vectors], below[vectors], above_before[vectors], below_before[vectors],
        count[vectors], step[vectors], orders[vectors];
    for (int i = 0; i < vectors; ++i) {
      load(a + at + i * lanes, orders[i]);
      load(x + at + i * lanes, below[i]);
      b[i] = below[i] = below[i] + 1 - orders[i];
      above[i] = below_before[i] = step[i] = Vector{1, 1, 1, 1};
      above_before[i] = count[i] = Vector{};
    }
    bool left = true;
    for (int k = 0; left && k < most_terms; k += terms_between_looks) {
      for (int term = 0; term < terms_between_looks; ++term)
        for (int i = 0; i < vectors; ++i) {
          count[i] += step[i];
          b[i] += step[i] + step[i];
          const Vector factor = count[i] * (orders[i] - count[i]);
          const Vector next_above = b[i] * above[i] + factor * above_before[i];
          const Vector next_below = b[i] * below[i] + factor * below_before[i];
          above_before[i] = above[i];
          below_before[i] = below[i];
          above[i] = next_above;
          below[i] = next_below;
        }
      left = false;
      for (int i = 0; i < vectors; ++i) {
        Vector limit, scale, crossed = above[i] * below_before[i];
        Vector moved = crossed - above_before[i] * below[i];
        load(precision + at + i * lanes, limit);
        drop_sign(crossed);
        drop_sign(moved);
        const Mask goes_on = moved > limit * crossed;
        left |= any(goes_on);
        count[i] = goes_on ? count[i] : 0;
        step[i] = goes_on ? step[i] : 0;
        b[i] = goes_on ? b[i] : 1;
        crossed = below[i];
        drop_sign(crossed);
        scale_of(crossed, scale);
        above[i] *= scale;
        below[i] *= scale;
        above_before[i] *= scale;
        below_before[i] *= scale;
      }
    }
    for (int i = 0; i < vectors; ++i) {
      const Vector value = above[i] / below[i];
      __builtin_memcpy(values + at + i * lanes, &value, sizeof(value));
    }
  }
}

/// The upper function for a beyond 1e7, by the leading terms of its uniform expansion
/// (DLMF 8.12.3).
double of_great(double a, double x) {
  double excess = x / a - 1;
  // excess - log(1 + excess), which cancels near 0: there by its series.
  double half_square = std::fabs(excess) < 1e-4
                           ? excess * excess * (0.5 - excess * (1.0 / 3 - excess * 0.25))
                           : excess - std::log1p(excess);
  double eta = std::copysign(std::sqrt(2 * half_square), excess);
  double first = std::fabs(eta) < 1e-2 ? -1.0 / 3 + eta / 12 : 1 / excess - 1 / eta;
  constexpr double two_pi = 6.283185307179586;
  return 0.5 * std::erfc(eta * std::sqrt(a / 2)) +
         std::exp(-a * half_square) / std::sqrt(two_pi * a) * first;
}

/// The lower function where it needs no expansion; less than 0 where it does.
double plain(double a, double x) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return nan;
  if (std::isinf(a)) return std::isinf(x) ? nan : 0;
  if (std::isinf(x)) return 1;
  if (a == 0) return x > 0 ? 1 : nan;
  return x == 0 ? 0 : -1;
}

/// x**a exp(-x) / gamma(a + 1), to 1e-11 of itself or all digits.
double before(double a, double x, bool exactly) {
  if (!exactly) {
    // Stirling's series seven up; a**7 is in range, for a is at most 1e7.
    const double w = a + 8, r = 1 / w, s = r * r;
    const double rising = ((a + 1) * (a + 2)) * ((a + 3) * (a + 4)) * ((a + 5) * (a + 6)) * (a + 7);
    constexpr double half_log_two_pi = 0.9189385332046727;
    const double rest =
        half_log_two_pi + r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680))));
    return std::exp(a * std::log(x) - x - ((w - 0.5) * std::log(w) - w + rest)) * rising;
  } else {
    int sign;
    return std::exp(a * std::log(x) - x - lgamma_r(a + 1, &sign));
  }
}

}  // namespace

/// Source: Press et al., "Numerical Recipes", section 6.2.
template <class T>
void incomplete_gamma(int64_t n, const T* a, const T* x, bool upper, T* out) {
  parallel_ranges(n, elements_a_chunk, [&](int64_t begin, int64_t end) {
    Elements low, high;
    for (int64_t from = begin; from < end; from += elements_a_chunk) {
      low.n = high.n = 0;
      const int64_t to = std::min(end, from + elements_a_chunk);
      for (int64_t i = from; i < to; ++i) {
        const double order = a[i], at = x[i], lower = plain(order, at);
        if (!(lower < 0)) {
          out[i] = static_cast<T>(upper ? 1 - lower : lower);
        } else if (order > 1e7) {
          const double rest = of_great(order, at);
          out[i] = static_cast<T>(upper ? rest : 1 - rest);
        } else {
          // Small orders leave little of 1 - P(a, x), of which all digits count.
          const double precision = sizeof(T) == 4 && order > 0.1 ? 1e-10 : all_digits;
          (at < order + 1 ? low : high).add(order, at, precision, i);
        }
      }
      for (Elements* of : {&low, &high}) {
        const int64_t full = (of->n + block - 1) / block * block;
        for (int64_t i = of->n; i < full; ++i) {
          of->a[i] = of->a[of->n - 1];
          of->x[i] = of->x[of->n - 1];
          of->precision[i] = of->precision[of->n - 1];
        }
        (of == &low ? series : fractions)(full, of->a, of->x, of->precision, of->value);
        for (int64_t i = 0; i < of->n; ++i) {
          const double value =
              before(of->a[i], of->x[i], of->precision[i] == all_digits) * of->value[i];
          const double part = of == &low ? value : value * of->a[i];
          out[of->place[i]] = static_cast<T>(upper == (of == &high) ? part : 1 - part);
        }
      }
    }
  });
}
template void incomplete_gamma(int64_t, const float*, const float*, bool, float*);
template void incomplete_gamma(int64_t, const double*, const double*, bool, double*);

}  // namespace flambeau
