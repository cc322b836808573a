// Element by element what the kernel language cannot say, for its loops end where the data says:
// common divisors, random counts. Raw contiguous memory, n elements.
// No GIL; threads share the elements, and no result depends on how.
#pragma once
#include <cstdint>

namespace flambeau {

/// out = gcd(a, b), at least 0; gcd(0, 0) = 0. lcm(0, b) = 0. T: an integer type.
template <class T>
void gcd(int64_t n, const T* a, const T* b, T* out);
template <class T>
void lcm(int64_t n, const T* a, const T* b, T* out);

/// out[i] is drawn from the Poisson distribution of rate[i] >= 0, or the binomial one of trials[i]
/// and chance[i]; it depends on seed, call, i and the arguments alone.
void poisson(int64_t n, const double* rate, uint64_t seed, uint64_t call, double* out);
void binomial(int64_t n, const double* trials, const double* chance, uint64_t seed, uint64_t call,
              double* out);

}  // namespace flambeau
