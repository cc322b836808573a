// Discrete Fourier transforms along the middle of contiguous memory [outer][n][inner]. T: float,
// double; a complex point is two numbers. No GIL; runs in threads, with the same bits for any
// number of them. Workspace that cannot be had throws std::bad_alloc.
#pragma once
#include <cstdint>

namespace flambeau {

struct FourierShape {
  int64_t outer, n, inner;  // n >= 1 points of each signal
};

/// out[j] = scale * sum over k of in[k] exp(-+ 2 pi i j k / n), + for the inverse. in may
/// be out where it is finite; gives whether some signal may not have been.
template <class T>
bool fourier(const FourierShape& shape, const T* in, T* out, T scale, bool inverse);

/// The first n / 2 + 1 coefficients of n real points, conjugated for the inverse.
template <class T>
void fourier_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse);

/// The n real points of n / 2 + 1 coefficients; `inverse` is the direction of the transform, + in
/// the exponent. Imaginary parts that a real signal cannot have are left out.
template <class T>
void fourier_to_real(const FourierShape& shape, const T* in, T* out, T scale, bool inverse);

}  // namespace flambeau
