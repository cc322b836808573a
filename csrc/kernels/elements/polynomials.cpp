#include "kernels/elements/polynomials.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

#define FLAMBEAU_ALWAYS __attribute__((always_inline)) inline

typedef double Vector __attribute__((vector_size(32)));
typedef float Floats __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));
constexpr int64_t lanes = 4, vectors = 4, block = lanes * vectors;

/// Numbers of a block, in registers where loops over them are unrolled.
struct Block {
  Vector at[vectors];
  double* numbers() { return reinterpret_cast<double*>(at); }
  const double* numbers() const { return reinterpret_cast<const double*>(at); }
};

/// fn(i) for each vector of a block.
template <class F>
FLAMBEAU_ALWAYS void each_vector(F&& fn) {
  fn(0), fn(1), fn(2), fn(3);
}

/// The degrees of a block: one for all, or each its own.
struct Degrees {
  Block of_each;
  double most = 0;  // at least 0
  bool one = true;
};

constexpr int64_t steps_between_looks = 64;

/// P becomes what a recurrence has at each element's degree: take(k) makes P of degree k + 1.
template <class Take>
FLAMBEAU_ALWAYS void run(const Degrees& degrees, int64_t steps, Block& P, Take&& take) {
  if (degrees.one) {
    for (int64_t k = 0; k < steps; ++k) take(k);
    return;
  }
  Block result = P;
  for (int64_t k = 0; k < steps; ++k) {
    take(k);
    const double degree = static_cast<double>(k + 1);
    each_vector([&](int i) __attribute__((always_inline)) {
      result.at[i] = degrees.of_each.at[i] >= degree ? P.at[i] : result.at[i];
    });
    if (k % steps_between_looks != steps_between_looks - 1) continue;
    bool finite = false;  // all that follows what is not is NaN or infinite, too
    for (int64_t j = 0; j < block; ++j) finite |= std::isfinite(P.numbers()[j]);
    if (!finite) break;
  }
  P = result;
}

/// 1, and P of degree k + 1 = (first[k] x + second[k]) P_k - third[k] P_k-1 by coefficients(k).
template <class Coefficients>
FLAMBEAU_ALWAYS void run_plain(const Degrees& degrees, int64_t steps, const Block& x, Block& P,
                               Coefficients&& coefficients) {
  Block before;
  each_vector([&](int i) __attribute__((always_inline)) {
    P.at[i] = Vector{1, 1, 1, 1};
    before.at[i] = Vector{0, 0, 0, 0};
  });
  run(degrees, steps, P, [&](int64_t k) __attribute__((always_inline)) {
    const auto [first, second, third] = coefficients(static_cast<double>(k));
    each_vector([&](int i) __attribute__((always_inline)) {
      const Vector next = (first * x.at[i] + second) * P.at[i] - third * before.at[i];
      before.at[i] = P.at[i];
      P.at[i] = next;
    });
  });
}

struct Three {
  double first, second, third;
};

/// Differences of successive degrees are carried on, not the degree before: near abs(x) = 1, where
/// they are small, the plain recurrence adds up errors with the square of the degree. D comes as
/// P_1 - P_0, beyond = abs(x) - 1. Source: Reinsch's modification of Clenshaw's sum; Oliver, "An
/// error analysis of the modified Clenshaw method", J. Inst. Maths Applics 20 (1977) 379.
template <class Coefficients>
FLAMBEAU_ALWAYS void run_differences(const Degrees& degrees, int64_t steps, const Block& beyond,
                                     Block& D, Block& P, Coefficients&& coefficients) {
  each_vector([&](int i) __attribute__((always_inline)) { P.at[i] = Vector{1, 1, 1, 1}; });
  run(degrees, steps, P, [&](int64_t k) __attribute__((always_inline)) {
    if (k > 0) {
      const auto [last, slope] = coefficients(static_cast<double>(k));
      each_vector([&](int i) __attribute__((always_inline)) {
        D.at[i] = last * D.at[i] + slope * beyond.at[i] * P.at[i];
      });
    }
    each_vector([&](int i) __attribute__((always_inline)) { P.at[i] += D.at[i]; });
  });
}

struct Two {
  double last, slope;
};

constexpr int64_t chebyshev_steps = 64;

/// The Chebyshev polynomials, first to fourth, of high degree at 1 + beyond, by an angle.
double chebyshev_closed(int which, double beyond, double n) {
  if (std::isnan(beyond)) return beyond;
  if (beyond == 0) return which == 0 || which == 2 ? 1 : which == 1 ? n + 1 : 2 * n + 1;
  if (beyond < 0) {
    const double a = 2 * std::asin(std::sqrt(-beyond / 2));
    switch (which) {
      case 0: return std::cos(n * a);
      case 1: return std::sin((n + 1) * a) / std::sin(a);
      case 2: return std::cos((n + 0.5) * a) / std::cos(a / 2);
      default: return std::sin((n + 0.5) * a) / std::sin(a / 2);
    }
  }
  const double a = 2 * std::asinh(std::sqrt(beyond / 2));
  // Far out the quotients are powers of one number; of infinity they would be NaN.
  if (a > 300) return std::numeric_limits<double>::infinity();
  switch (which) {
    case 0: return std::cosh(n * a);
    case 1: return std::sinh((n + 1) * a) / std::sinh(a);
    case 2: return std::cosh((n + 0.5) * a) / std::cosh(a / 2);
    default: return std::sinh((n + 0.5) * a) / std::sinh(a / 2);
  }
}

/// P is turned where x is negative and the degree, below 2**31, odd.
FLAMBEAU_ALWAYS void turn_odd(const Vector& negative, const Vector& degree, Vector& P) {
  const Ints odd = __builtin_convertvector(degree, Ints) & 1;
  const Vector sign = 1 - 2 * __builtin_convertvector(odd, Vector);
  P = negative != 0 ? sign * P : P;
}

/// At -x the third kind is the fourth at x, and odd degrees change their sign.
FLAMBEAU_ALWAYS void chebyshev(int which, bool shifted, const Degrees& degrees, const Block& x,
                               Block& P) {
  Block beyond, D, negative;
  const Vector zero{0, 0, 0, 0}, one{1, 1, 1, 1};
  each_vector([&](int i) __attribute__((always_inline)) {
    const Vector v = x.at[i], left = (shifted ? v < 0.5 : v < 0) ? one : zero;
    const Vector b = shifted ? (v < 0.5 ? -2 * v : 2 * (v - 1)) : (v < 0 ? -v : v) - 1;
    const Vector fourth = which == 3 ? one - left : which == 2 ? left : zero;
    negative.at[i] = left;
    beyond.at[i] = b;
    D.at[i] = which == 0 ? b : which == 1 ? 1 + 2 * b : 2 * b + 2 * fourth;
  });
  const int64_t steps = static_cast<int64_t>(std::min<double>(degrees.most, chebyshev_steps));
  run_differences(degrees, steps, beyond, D, P,
                  [](double) __attribute__((always_inline)) { return Two{1, 2}; });
  each_vector([&](int i) __attribute__((always_inline)) {
    const Vector n = degrees.of_each.at[i];
    turn_odd(negative.at[i], n <= chebyshev_steps ? n : zero, P.at[i]);
  });
  if (degrees.most <= chebyshev_steps) return;
  for (int64_t j = 0; j < block; ++j) {
    const double n = degrees.of_each.numbers()[j];
    if (n <= chebyshev_steps) continue;
    const bool left = negative.numbers()[j] != 0;
    const int of = which < 2 || !left ? which : 5 - which;
    const double value = chebyshev_closed(of, beyond.numbers()[j], n);
    P.numbers()[j] = left && std::fmod(n, 2) == 1 ? -value : value;
  }
}

/// P_n(-x) = (-1)**n P_n(x).
FLAMBEAU_ALWAYS void legendre(const Degrees& degrees, int64_t steps, const Block& x, Block& P) {
  Block beyond, D;
  each_vector([&](int i) __attribute__((always_inline)) {
    const Vector v = x.at[i];
    D.at[i] = beyond.at[i] = (v < 0 ? -v : v) - 1;
  });
  run_differences(degrees, steps, beyond, D, P, [](double k) __attribute__((always_inline)) {
    const double part = 1 / (k + 1);
    return Two{k * part, (2 * k + 1) * part};
  });
  const Vector zero{0, 0, 0, 0}, one{1, 1, 1, 1},
      most{most_steps, most_steps, most_steps, most_steps};
  each_vector([&](int i) __attribute__((always_inline)) {
    const Vector n = degrees.of_each.at[i];
    turn_odd(x.at[i] < 0 ? one : zero, n < most ? n : most, P.at[i]);
  });
}

/// P = the polynomials of a block. Degrees beyond `limit` give NaN.
FLAMBEAU_ALWAYS void polynomials_of_block(Polynomial kind, const Degrees& degrees, double limit,
                                          const Block& x, Block& P) {
  const int64_t steps = static_cast<int64_t>(std::min(degrees.most, limit));
  const int number = static_cast<int>(kind);
  switch (kind) {
    case Polynomial::hermite_h:
      run_plain(degrees, steps, x, P,
                [](double k) __attribute__((always_inline)) { return Three{2, 0, 2 * k}; });
      break;
    case Polynomial::hermite_he:
      run_plain(degrees, steps, x, P,
                [](double k) __attribute__((always_inline)) { return Three{1, 0, k}; });
      break;
    case Polynomial::laguerre:
      run_plain(degrees, steps, x, P, [](double k) __attribute__((always_inline)) {
        const double part = 1 / (k + 1);
        return Three{-part, (2 * k + 1) * part, k * part};
      });
      break;
    case Polynomial::legendre: legendre(degrees, steps, x, P); break;
    default: chebyshev(number % 4, number >= 4, degrees, x, P); return;
  }
  if (degrees.most <= limit) return;
  for (int64_t j = 0; j < block; ++j)
    if (degrees.of_each.numbers()[j] > limit)
      P.numbers()[j] = std::numeric_limits<double>::quiet_NaN();
}

/// From the degree on behind which even the values at 0 leave the dtype there is NaN.
template <class T>
double limit_of(Polynomial kind) {
  const bool hermite = kind == Polynomial::hermite_h || kind == Polynomial::hermite_he;
  return hermite ? (sizeof(T) == 4 ? 128 : 512) : most_steps;
}

double degree_of(double given) {
  const double whole = std::trunc(given);
  return std::fabs(whole) < 0x1p+63 ? whole : -1;
}

template <class T>
FLAMBEAU_ALWAYS void read_four(const T* from, Vector& to) {
  if constexpr (sizeof(T) == 4) {
    Floats given;
    std::memcpy(&given, from, sizeof(given));
    to = __builtin_convertvector(given, Vector);
  } else {
    std::memcpy(&to, from, sizeof(to));
  }
}

/// The degrees of a block as whole numbers.
template <class T>
FLAMBEAU_ALWAYS void read_degrees(const T* from, Degrees& degrees) {
  const Vector small{0x1p+31, 0x1p+31, 0x1p+31, 0x1p+31}, zero{0, 0, 0, 0};
  Vector most = zero, great = zero;
  each_vector([&](int i) __attribute__((always_inline)) {
    Vector n;
    read_four(from + i * lanes, n);
    const Vector taken = n > -1 && n < small ? n : zero - 1;
    degrees.of_each.at[i] = __builtin_convertvector(__builtin_convertvector(taken, Ints), Vector);
    great = n >= small ? zero + 1 : great;
    most = taken > most ? taken : most;
  });
  double above = 0, greatest = 0;
  for (int64_t j = 0; j < lanes; ++j) {
    above += great[j];
    greatest = std::max(greatest, most[j]);
  }
  if (above > 0)
    for (int64_t j = 0; j < block; ++j) {
      degrees.of_each.numbers()[j] = degree_of(from[j]);
      greatest = std::max(greatest, degrees.of_each.numbers()[j]);
    }
  degrees.most = greatest;
}

/// n elements, of one degree where degrees is null.
template <class T>
FLAMBEAU_ALWAYS void run_blocks(Polynomial kind, int64_t n, const T* x, const T* degrees,
                                double one_degree, T* out) {
  const double limit = limit_of<T>(kind);
  Block points, values;
  Degrees own;
  own.one = !degrees;
  own.most = std::max(one_degree, 0.0);
  each_vector([&](int i) __attribute__((always_inline)) {
    own.of_each.at[i] = Vector{one_degree, one_degree, one_degree, one_degree};
  });
  const Vector zero{0, 0, 0, 0};
  for (int64_t first = 0; first < n; first += block) {
    const int64_t count = std::min(block, n - first);
    T rest[block], rest_degrees[block], results[block];
    const bool whole = count == block;
    const T *from = x + first, *their = degrees ? degrees + first : nullptr;
    if (!whole) {
      for (int64_t j = 0; j < block; ++j) rest[j] = from[std::min(j, count - 1)];
      from = rest;
      for (int64_t j = 0; their && j < block; ++j) rest_degrees[j] = their[std::min(j, count - 1)];
      if (their) their = rest_degrees;
    }
    if (their) read_degrees(their, own);
    each_vector([&](int i)
                    __attribute__((always_inline)) { read_four(from + i * lanes, points.at[i]); });
    polynomials_of_block(kind, own, limit, points, values);
    T* to = whole ? out + first : results;
    each_vector([&](int i) __attribute__((always_inline)) {
      const Vector value = own.of_each.at[i] < 0 ? zero : values.at[i];
      if constexpr (sizeof(T) == 4) {
        const Floats narrow = __builtin_convertvector(value, Floats);
        std::memcpy(to + i * lanes, &narrow, sizeof(narrow));
      } else {
        std::memcpy(to + i * lanes, &value, sizeof(value));
      }
    });
    if (!whole) std::copy_n(results, count, out + first);
  }
}

FLAMBEAU_CLONES void run_chunk(Polynomial kind, int64_t n, const float* x, const float* degrees,
                               double one_degree, float* out) {
  run_blocks(kind, n, x, degrees, one_degree, out);
}
FLAMBEAU_CLONES void run_chunk(Polynomial kind, int64_t n, const double* x, const double* degrees,
                               double one_degree, double* out) {
  run_blocks(kind, n, x, degrees, one_degree, out);
}

}  // namespace

template <class T>
void polynomial(Polynomial kind, int64_t n, const T* x, const T* degrees, double degree, T* out) {
  constexpr int64_t elements_a_chunk = 2048;
  const double one_degree = degree_of(degree);
  parallel_ranges(n, elements_a_chunk, [&](int64_t begin, int64_t end) {
    run_chunk(kind, end - begin, x + begin, degrees ? degrees + begin : nullptr, one_degree,
              out + begin);
  });
}
template void polynomial(Polynomial, int64_t, const float*, const float*, double, float*);
template void polynomial(Polynomial, int64_t, const double*, const double*, double, double*);

}  // namespace flambeau
