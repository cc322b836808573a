#include "kernels/elements/counts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "runtime/threads.h"

namespace flambeau {

namespace {

constexpr int64_t elements_a_chunk = 1024;

template <class F>
void each(int64_t n, F&& fn) {
  parallel_ranges(n, elements_a_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) fn(i);
  });
}

/// abs(x) without overflow: the least integer stays as it is, as its own negative.
template <class T>
std::make_unsigned_t<T> size_of(T x) {
  using U = std::make_unsigned_t<T>;
  return x < T(0) ? static_cast<U>(U(0) - static_cast<U>(x)) : static_cast<U>(x);
}

/// Euclid's divisions of signed numbers, where one has no positive counterpart: the sign is
/// PyTorch's.
template <class T>
T gcd_beside_least(T a, T b) {
  a = static_cast<T>(size_of(a));
  b = static_cast<T>(size_of(b));
  while (a != 0) {
    T rest = a == T(-1) ? T(0) : static_cast<T>(b % a);
    b = a;
    a = rest;
  }
  return b;
}

double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

}  // namespace

template <class T>
void gcd(int64_t n, const T* a, const T* b, T* out) {
  each(n, [&](int64_t i) {
    if constexpr (std::is_signed_v<T>) {
      constexpr T least = std::numeric_limits<T>::min();
      if (a[i] == least || b[i] == least) {
        out[i] = gcd_beside_least(a[i], b[i]);
        return;
      }
    }
    out[i] = static_cast<T>(std::gcd(size_of(a[i]), size_of(b[i])));
  });
}

template <class T>
void lcm(int64_t n, const T* a, const T* b, T* out) {
  each(n, [&](int64_t i) {
    auto x = size_of(a[i]), y = size_of(b[i]), divisor = std::gcd(x, y);
    auto multiple = divisor ? static_cast<decltype(x)>(x / divisor * y) : decltype(x)(0);
    // An overflow ends as it does in PyTorch: short types are multiplied as int and cut off.
    T cut = static_cast<T>(multiple);
    out[i] = sizeof(T) < sizeof(int) ? cut : static_cast<T>(size_of(cut));
  });
}

#define FLAMBEAU_DIVISORS(T)                             \
  template void gcd<T>(int64_t, const T*, const T*, T*); \
  template void lcm<T>(int64_t, const T*, const T*, T*)
FLAMBEAU_DIVISORS(uint8_t);
FLAMBEAU_DIVISORS(int8_t);
FLAMBEAU_DIVISORS(int16_t);
FLAMBEAU_DIVISORS(int32_t);
FLAMBEAU_DIVISORS(int64_t);
FLAMBEAU_DIVISORS(uint16_t);
FLAMBEAU_DIVISORS(uint32_t);
FLAMBEAU_DIVISORS(uint64_t);
#undef FLAMBEAU_DIVISORS

// --------------------------------------------------------------------------------- random counts

namespace {

/// As many numbers of (0, 1) as an element asks for: Philox 4x32-10 on (draw, element, call).
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
class Numbers {
 public:
  Numbers(uint64_t seed, uint64_t call, uint64_t element)
      : seed_(seed), call_(call), element_(element) {}

  double next() {
    if (at_ == 2) {
      refill();
      at_ = 0;
    }
    uint64_t bits = uint64_t{words_[2 * at_]} << 32 | words_[2 * at_ + 1];
    ++at_;
    return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
  }

 private:
  void refill() {
    // The last word holds high bits of the element and low ones of the call: both are far shorter.
    uint32_t c[4] = {draw_++, static_cast<uint32_t>(element_), static_cast<uint32_t>(call_),
                     static_cast<uint32_t>(element_ >> 32) ^
                         static_cast<uint32_t>(call_ >> 32) * 0x9E3779B9u ^ 0x5CA1AB1Eu};
    uint32_t key[2] = {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)};
    for (int round = 0; round < 10; ++round) {
      uint64_t first = uint64_t{0xD2511F53} * c[0], second = uint64_t{0xCD9E8D57} * c[2];
      uint32_t next[4] = {
          static_cast<uint32_t>(second >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(second),
          static_cast<uint32_t>(first >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(first)};
      std::copy(next, next + 4, c);
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    std::copy(c, c + 4, words_);
  }

  uint64_t seed_, call_, element_;
  uint32_t draw_ = 0, words_[4] = {};
  int at_ = 2;
};

/// 1 / k for the counts that inversion reaches: with a mean below 10 more have no probability left.
constexpr int most_counted = 128;

constexpr std::array<double, most_counted + 1> make_inverses() {
  std::array<double, most_counted + 1> made{};
  for (int k = 1; k <= most_counted; ++k) made[k] = 1.0 / k;
  return made;
}

constexpr auto inverses = make_inverses();

/// Counts by inversion: the first at which the sum of probabilities reaches a uniform number. The
/// sums stay for the next element, which mostly has the same distribution.
class Inversion {
 public:
  /// Probabilities begin with first(), and factor(k) / k leads from the one of k - 1 to that of k;
  /// a and b tell one distribution from another. None is above `last`.
  template <class First, class F>
  double count(double a, double b, int last, First&& first, F&& factor, Numbers& numbers) {
    if (!(a == a_ && b == b_)) {
      a_ = a, b_ = b;
      sums_[0] = p_ = first();
      n_ = 1;
    }
    const double u = numbers.next();
    if (sums_[n_ - 1] < u) {
      while (sums_[n_ - 1] < u && n_ <= last) {
        p_ *= factor(n_) * inverses[n_];
        sums_[n_] = sums_[n_ - 1] + p_;
        ++n_;
      }
      return n_ - 1;
    }
    int k = 0;  // without a branch: where the number falls cannot be guessed
    for (int i = 0; i < n_; ++i) k += sums_[i] < u;
    return k;
  }

 private:
  double a_ = -1, b_ = -1, p_ = 0, sums_[most_counted + 1];
  int n_ = 0;
};

/// By inversion for small rates. Source beyond: Hoermann, "The transformed rejection method for
/// generating Poisson random variables", Insurance: Mathematics and Economics 12 (1993) 39: PTRS.
double one_poisson(double rate, Numbers& numbers, Inversion& inversion) {
  if (rate == 0) return 0;
  if (rate < 10)
    return inversion.count(
        rate, 0, most_counted, [&] { return std::exp(-rate); }, [&](int) { return rate; }, numbers);
  double root = std::sqrt(rate), log_rate = std::log(rate);
  double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
  double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    double u = numbers.next() - 0.5, v = numbers.next(), us = 0.5 - std::fabs(u);
    double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        k * log_rate - rate - log_gamma(k + 1))
      return k;
  }
}

/// Source: Hoermann, "The generation of binomial random variates", Journal of Statistical
/// Computation and Simulation 46 (1993) 101: BTRS, where trials * chance is 10 or more; else
/// inversion.
double one_binomial(double trials, double chance, Numbers& numbers, Inversion& inversion) {
  if (chance > 0.5) return trials - one_binomial(trials, 1 - chance, numbers, inversion);
  if (trials == 0 || chance == 0) return 0;
  double mean = trials * chance;
  if (mean < 10) {
    double odds = chance / (1 - chance);
    int last = static_cast<int>(std::min<double>(trials, most_counted));
    return inversion.count(
        trials, chance, last, [&] { return std::exp(trials * std::log1p(-chance)); },
        [&](int k) { return (trials - (k - 1)) * odds; }, numbers);
  }
  double spread = std::sqrt(mean * (1 - chance));
  double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * chance, c = mean + 0.5;
  double v_r = 0.92 - 4.2 / b, odds = chance / (1 - chance);
  double alpha = (2.83 + 5.1 / b) * spread, mode = std::floor((trials + 1) * chance);
  double top = std::numeric_limits<double>::quiet_NaN();  // of the mode; most samples do without
  for (;;) {
    double u = numbers.next() - 0.5, v = numbers.next(), us = 0.5 - std::fabs(u);
    double k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || k > trials) continue;
    if (std::isnan(top)) top = log_gamma(mode + 1) + log_gamma(trials - mode + 1);
    if (std::log(v * alpha / (a / (us * us) + b)) <=
        top - log_gamma(k + 1) - log_gamma(trials - k + 1) + (k - mode) * std::log(odds))
      return k;
  }
}

}  // namespace

void poisson(int64_t n, const double* rate, uint64_t seed, uint64_t call, double* out) {
  parallel_ranges(n, elements_a_chunk, [&](int64_t begin, int64_t end) {
    Inversion inversion;
    for (int64_t i = begin; i < end; ++i) {
      Numbers numbers(seed, call, i);
      out[i] = one_poisson(rate[i], numbers, inversion);
    }
  });
}

void binomial(int64_t n, const double* trials, const double* chance, uint64_t seed, uint64_t call,
              double* out) {
  parallel_ranges(n, elements_a_chunk, [&](int64_t begin, int64_t end) {
    Inversion inversion;
    for (int64_t i = begin; i < end; ++i) {
      Numbers numbers(seed, call, i);
      out[i] = one_binomial(trials[i], chance[i], numbers, inversion);
    }
  });
}

}  // namespace flambeau
