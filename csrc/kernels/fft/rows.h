// The Fourier transform of one signal whose points follow each other.
#pragma once
#include "kernels/fft/plan.h"

namespace flambeau {

/// out = scale times the transform of plan.n complex points; swap exchanges real and imaginary
/// parts of input and output, which makes it the inverse (not divided by n). in may be out. Runs in
/// threads.
template <class T>
void transform_row(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap);

/// The first n / 2 + 1 coefficients of n real points; sign -1 conjugates them.
template <class T>
void real_row(int64_t n, const T* in, T* out, T scale, T sign);

/// n real points of n / 2 + 1 coefficients, which sign -1 conjugates first; not divided by n.
template <class T>
void real_row_inverse(int64_t n, const T* in, T* out, T scale, T sign);

}  // namespace flambeau
